"""hone doctor says what can connect several machines or GPUs, and what the others need."""

import json

import mlx.core as mx
import pytest

from core.cli import doctor, parser
from core.distributed.backends import check_backend, describe, report
from core.distributed.machines import HERE, Rank, Ranks
from core.errors import Unavailable


def test_what_mlx_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.distributed, "is_available", lambda name: name in ("ring", "mpi"))
    assert [b["backend"] for b in report() if b["available"]] == ["ring", "mpi"]
    line = describe(report())
    assert line.startswith("ring (TCP, also over a Thunderbolt cable), mpi; jaccl needs RDMA over Thunderbolt 5")
    assert "nccl needs several NVIDIA GPUs" in line


@pytest.mark.parametrize(("name", "what"), [("jaccl", "RDMA over Thunderbolt 5"), ("nccl", "several NVIDIA GPUs")])
def test_a_link_that_is_not_there_is_refused_with_what_it_needs(
    name: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mx.distributed, "is_available", lambda name: name == "ring")
    here, other = Rank("studio", HERE, (HERE,)), Rank("mini", "mini", ("192.0.2.7",))
    check_backend(Ranks((here, other)))
    check_backend(Ranks((here, other), "ring"))
    check_backend(Ranks((other, other), name))  # what those have is theirs to say
    with pytest.raises(Unavailable, match=f"^{name} is not there on this machine: it needs {what}"):
        check_backend(Ranks((here, other), name))


def test_doctor_tells_it() -> None:
    printed: list[str] = []
    doctor.run(parser().parse_args(["doctor"]), lambda *values, **options: printed.append(str(values[0])))
    assert any(line.startswith("Several GPUs   ring (TCP") for line in printed)
    printed.clear()
    doctor.run(parser().parse_args(["doctor", "--json"]), lambda *values, **options: printed.append(str(values[0])))
    assert json.loads(printed[0])["distributed"] == report()
