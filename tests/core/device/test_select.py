"""The backend's report: asked for, used, and why."""

import mlx.core as mx
import pytest

from core.device import select
from core.device.machine import machine
from core.device.select import fallback_note, report


@pytest.mark.parametrize("kind", ["Metal", "CUDA"])
def test_with_a_gpu(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(select, "gpu_kind", lambda: (kind, ""))
    monkeypatch.setattr(mx, "device_info", lambda device: {"device_name": "A GPU"})
    assert report("auto") == {
        "requested": "auto",
        "used": "gpu",
        "device": f"A GPU ({kind})",
        "reason": f"the fastest device here ({kind})",
    }
    assert report("gpu")["reason"] == "as asked"
    assert report("cpu")["used"] == "cpu" and report("cpu")["reason"] == "as asked"


def test_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "gpu_kind", lambda: ("", "there is none"))
    for asked in ("auto", "gpu"):
        assert report(asked)["used"] == "cpu"
        assert report(asked)["reason"] == "no GPU can be used: there is none"
    assert fallback_note(report("gpu")) == "The CPU computes: no GPU can be used: there is none."
    assert not fallback_note(report("auto")) and not fallback_note(report("cpu"))


def test_machine_is_plain_values() -> None:
    import json

    facts = machine()
    json.dumps(facts)
    assert facts["memory_bytes"] > facts["available_bytes"] > 0 and facts["cores"] >= 1
    assert facts["processor"] and facts["versions"]["mlx"].startswith("0.32")
