"""What a launcher says of the ranks that it has started."""

from pathlib import Path

import pytest

from core.distributed.launched import launched_backend


@pytest.mark.parametrize(
    ("environment", "backend"),
    [
        ({}, None),
        ({"MLX_RANK": "0"}, None),
        ({"MLX_RANK": "0", "MLX_HOSTFILE": "{full}"}, "ring"),
        ({"MLX_RANK": "0", "MLX_HOSTFILE": "{empty}"}, None),
        ({"MLX_HOSTFILE": "{full}"}, None),
        ({"MLX_RANK": "1", "NCCL_HOST_IP": "127.0.0.1", "NCCL_PORT": "1", "MLX_WORLD_SIZE": "2"}, "nccl"),
        ({"MLX_RANK": "1", "NCCL_HOST_IP": "127.0.0.1", "NCCL_PORT": "1", "MLX_WORLD_SIZE": "1"}, None),
        ({"MLX_RANK": "1", "MLX_IBV_DEVICES": "f", "MLX_JACCL_COORDINATOR": "h:1"}, "jaccl"),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "mpi"),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, None),
    ],
)
def test_what_a_launcher_says(environment: dict[str, str], backend: str | None, tmp_path: Path) -> None:
    (tmp_path / "full").write_text('[["127.0.0.1:1"], ["127.0.0.1:2"]]')
    (tmp_path / "empty").write_text("\n")
    places = {"full": tmp_path / "full", "empty": tmp_path / "empty"}
    assert launched_backend({k: v.format(**places) for k, v in environment.items()}) == backend
