"""hone doctor says what can connect several machines or GPUs, and what the others need."""

import json

import mlx.core as mx
import pytest

from core.cli import doctor, parser
from core.distributed.backends import describe, report


def test_what_mlx_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.distributed, "is_available", lambda name: name in ("ring", "mpi"))
    assert [b["backend"] for b in report() if b["available"]] == ["ring", "mpi"]
    line = describe(report())
    assert line.startswith("ring (TCP, also over a Thunderbolt cable), mpi; jaccl needs RDMA over Thunderbolt 5")
    assert "nccl needs several NVIDIA GPUs" in line


def test_doctor_tells_it() -> None:
    printed: list[str] = []
    doctor.run(parser().parse_args(["doctor"]), lambda *values, **options: printed.append(str(values[0])))
    assert any(line.startswith("Several GPUs   ring (TCP") for line in printed)
    printed.clear()
    doctor.run(parser().parse_args(["doctor", "--json"]), lambda *values, **options: printed.append(str(values[0])))
    assert json.loads(printed[0])["distributed"] == report()
