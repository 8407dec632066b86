"""hone selftest: everything passes here, and what is broken is told in a sentence and by the exit code."""

import json
import sys

import mlx.core as mx
import numpy as np
import pytest

from core.__main__ import main
from core.device import select
from core.model import fast_exp
from core.quant import packed
from core.selftest import numbers, selftest
from core.selftest.check import FAILED, PASSED, SKIPPED, Check, Failure, compare

OUTCOMES = {
    "imports": PASSED,
    "device": PASSED,
    "products": PASSED,
    "kernels": SKIPPED,
    "packed weights": PASSED,
    "exponentials": PASSED,
    "attention": PASSED,
    "gradients": PASSED,
    "datasets": PASSED,
    "reward files": PASSED,
    "LoRA": PASSED,
    "QLoRA (NF4)": PASSED,
    "compiled steps": SKIPPED,
    "answers": PASSED,
    "Neural Engine": SKIPPED,
}


def test_every_part_works_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--backend", "cpu", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["passed"] and report["format"] == 1 and not report["machine"]["frozen"]
    assert {check["name"]: check["outcome"] for check in report["checks"]} == OUTCOMES
    details = {check["name"]: check["detail"] for check in report["checks"]}
    assert details["LoRA"].endswith(" in 6 steps") and details["kernels"] == "they are for a GPU"


def test_a_mac_that_falls_back_to_the_cpu_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"used": "cpu", "device": "M4", "reason": "no GPU can be used: MLX finds no Metal GPU on this Mac"}
    monkeypatch.setattr(sys, "platform", "darwin")
    check = selftest._try_part("device", lambda: selftest._check_device(chosen, "auto"))
    assert (check.outcome, check.detail) == (
        FAILED,
        "The CPU would be used: no GPU can be used: MLX finds no Metal GPU on this Mac.",
    )
    assert selftest._try_part("device", lambda: selftest._check_device(chosen, "cpu")).outcome == PASSED


def test_wrong_numbers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    select.select("cpu")
    monkeypatch.setattr(fast_exp, "exp", lambda x: mx.exp(x) * 1.001)
    assert selftest._try_part("exponentials", numbers.check_exponentials).outcome == FAILED
    monkeypatch.setattr(packed, "multiply", lambda x, packed: mx.zeros((2, 64)))
    assert selftest._try_part("packed weights", numbers.check_packed).outcome == FAILED
    plain = np.zeros((2, 2), np.float32)
    with pytest.raises(Failure, match=r"Numbers are wrong by nan, where 1 is allowed\."):
        compare(mx.array([[float("nan"), 0], [0, 0]]), plain, 1)


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (RuntimeError("[load] Failed to load the default metallib.\nmore"),
         "RuntimeError: [load] Failed to load the default metallib"),
        (ImportError(""), "ImportError"),
    ],
)  # fmt: skip
def test_whatever_is_raised_is_one_line(
    error: Exception, detail: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> str:
        raise error

    assert selftest._try_part("products", broken).detail == detail
    checks = [Check("a", PASSED, "fine"), selftest._try_part("products", broken)]
    monkeypatch.setattr(selftest, "selftest", lambda backend: iter(checks))
    assert main(["selftest"]) == 1
    assert capsys.readouterr().out.splitlines()[1].startswith(f"FAILED   products        {detail}")
    assert not selftest.report(checks)["passed"]
