"""Every report in packaging/hardware-reports is one that `hone selftest --json` prints."""

import json
from pathlib import Path

import pytest

from core.ane.diagnose import SHAPES, diagnose
from core.ane.timing import PartSeconds
from core.device.neural_engine import Host
from core.selftest.check import FAILED, PASSED, SKIPPED, Check
from core.selftest.selftest import report

SECONDS = PartSeconds(gradient=0.001, head_on_cpu=0.0, block=0.001, forward=0.0005, head=0.0)
FACTS = {"seconds": 0.002, "planned_share": 0.97, "error": 5e-4}
FOLDER = Path(__file__).parents[2] / "packaging" / "hardware-reports"


def check(text: str) -> None:
    """Raises AssertionError for what is no report."""
    found = json.loads(text)
    assert found["format"] == 1
    assert {"system", "processor", "cores", "memory_bytes", "versions"} <= found["machine"].keys()
    outcomes = [c["outcome"] for c in found["checks"]]
    assert outcomes and set(outcomes) <= {PASSED, FAILED, SKIPPED}
    assert found["passed"] == (FAILED not in outcomes)
    assert not any(f"/{folder}/" in text for folder in ("Users", "home", "root"))


def check_engine(text: str) -> None:
    """Raises AssertionError for what is no report of `hone doctor --ane`."""
    found = json.loads(text)
    assert {"hone", "host", "machine", "refused", "length", "models"} <= found.keys()
    assert found["refused"] or found["models"].keys() == SHAPES.keys()
    assert all(model["used"] == (model["code"] == "") for model in found["models"].values())
    assert not any(f"/{folder}/" in text for folder in ("Users", "home", "root"))


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: str(file.name))
def test_a_report_is_whole(file: Path) -> None:
    (check_engine if file.stem.endswith("-ane") else check)(file.read_text(encoding="utf-8"))


def test_what_doctor_makes_of_the_neural_engine_is_a_report() -> None:
    made = diagnose(Host("darwin", "arm64", "26.2", True), lambda *_: (None, dict(FACTS)), lambda *_: SECONDS)
    check_engine(json.dumps(made))
    with pytest.raises(AssertionError):
        check_engine(json.dumps(made | {"models": {}}))


def test_what_selftest_makes_is_a_report() -> None:
    made = report([Check("imports", PASSED, "8 packages", 0.1), Check("products", FAILED, "wrong", 0.2)])
    check(json.dumps(made))
    assert not made["passed"]
    with pytest.raises(AssertionError):
        check(json.dumps(made | {"passed": True}))
