"""The demo does what it promises: the starter model learns to answer in JSON, on prompts it never saw."""

from pathlib import Path

import pytest

from core.easy import finetune
from core.evaluation.evaluate import evaluate
from core.events import Evaluated


def measure(adapter: Path | None, answers: int) -> dict[str, float]:
    last = list(evaluate("starter", str(adapter) if adapter else None, answers=answers, max_tokens=32))[-1]
    assert isinstance(last, Evaluated)
    return last.metrics


def test_most_answers_become_valid_json(tmp_path: Path) -> None:
    """In 64 steps."""
    metrics_before = measure(None, 4)
    run = finetune("starter", "demo").output(tmp_path / "run").set("steps", 64).set("eval_every", 64).set("samples", 2)
    result = run.run()
    metrics_after = measure(result.folder, 12)
    assert metrics_before["valid_json"] == 0.0 and metrics_before["exact_match"] == 0.0
    assert metrics_after["valid_json"] > 0.6 and metrics_after["exact_match"] > 0.3
    assert result.finished.message.startswith("Better on unseen examples")
    assert result.finished.metrics_after["valid_json"] == 1.0


@pytest.mark.slow
def test_answers_become_valid_json(tmp_path: Path) -> None:
    """With the default settings throughout, as the window's first button runs it."""
    metrics_before = measure(None, 10)
    result = finetune("starter", "demo").output(tmp_path / "run").set("samples", 2).run()
    metrics_after = measure(result.folder, 40)
    assert metrics_before["valid_json"] == 0.0 and metrics_before["exact_match"] == 0.0
    assert metrics_after["valid_json"] > 0.9 and metrics_after["exact_match"] > 0.6
    assert result.finished.message.startswith("Better on unseen examples")
    assert result.finished.metrics_after["valid_json"] == 1.0
