"""The demo does what it promises: the starter model learns to answer in JSON, on prompts it never saw."""

from pathlib import Path

from core.easy import finetune
from core.evaluate import evaluate
from core.events import Evaluated


def measured(adapter: Path | None, answers: int) -> dict[str, float]:
    last = list(evaluate("starter", str(adapter) if adapter else None, answers=answers, max_tokens=32))[-1]
    assert isinstance(last, Evaluated)
    return last.metrics


def test_answers_become_valid_json(tmp_path: Path) -> None:
    """With the default settings throughout, as the window's first button runs it."""
    before = measured(None, 10)
    result = finetune("starter", "demo").output(tmp_path / "run").set("samples", 2).run()
    after = measured(result.folder, 40)
    assert before["valid_json"] == 0.0 and before["exact_match"] == 0.0
    assert after["valid_json"] > 0.9 and after["exact_match"] > 0.6
    assert result.finished.message.startswith("Better on unseen examples")
    assert result.finished.metrics_after["valid_json"] == 1.0
