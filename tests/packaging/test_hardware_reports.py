"""Every report in packaging/hardware-reports is one that `hone selftest --json` prints."""

import json
from pathlib import Path

import pytest

from core.selftest import FAILED, PASSED, SKIPPED, Check, report

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


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: str(file.name))
def test_a_report_is_whole(file: Path) -> None:
    check(file.read_text(encoding="utf-8"))


def test_what_selftest_makes_is_a_report() -> None:
    made = report([Check("imports", PASSED, "8 packages", 0.1), Check("products", FAILED, "wrong", 0.2)])
    check(json.dumps(made))
    assert not made["passed"]
    with pytest.raises(AssertionError):
        check(json.dumps(made | {"passed": True}))
