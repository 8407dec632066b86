"""Which GPU a rank takes where its machine has several: its own, as MLX's launcher gives it over NCCL.

Over the ring and MPI nobody gives one, and all ranks of a machine would compute on its first GPU.
"""

import json
import os
import re
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path

from core.distributed.launched import launched_backend

VISIBLE = "CUDA_VISIBLE_DEVICES"
_LOCAL_RANKS = ("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID")  # as MPI's launchers tell


def take_own_gpu(environment: MutableMapping[str, str] | None = None) -> None:
    """Let this process see one GPU alone where it shares its machine's with other ranks.

    To be called before MLX computes anything: CUDA looks at the environment once.
    """
    env = os.environ if environment is None else environment
    if launched_backend(env) is not None and (gpu := own_gpu(env, nvidia_gpus())) is not None:
        env[VISIBLE] = gpu


def own_gpu(environment: Mapping[str, str], gpus: Sequence[str]) -> str | None:
    """The GPU of a rank, of those that its machine has or that it was allowed; None where there is no choice.

    More ranks than GPUs take them in turn.
    """
    allowed = [gpu for gpu in environment[VISIBLE].split(",") if gpu] if VISIBLE in environment else list(gpus)
    return allowed[_local_rank(environment) % len(allowed)] if len(allowed) > 1 else None


def _local_rank(environment: Mapping[str, str]) -> int:
    """The number of a rank among those of its machine."""
    for name in _LOCAL_RANKS:
        if environment.get(name):
            return int(environment[name])
    rank = int(environment.get("MLX_RANK", "0"))
    with suppress(OSError, ValueError, LookupError):
        places = json.loads(Path(environment["MLX_HOSTFILE"]).read_text(encoding="utf-8"))
        hosts = [str(place[0]).rpartition(":")[0] for place in places]
        return hosts[:rank].count(hosts[rank])
    return rank


def nvidia_gpus(devices: Path = Path("/dev")) -> list[str]:
    """The numbers of this machine's NVIDIA GPUs, by the files of its devices."""
    numbers = (re.fullmatch(r"nvidia(\d+)", path.name) for path in devices.glob("nvidia*"))
    return [str(n) for n in range(sum(1 for found in numbers if found))]
