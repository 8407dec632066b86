"""Steps of methods whose loss needs its batch whole, and of those that write their answers, after the GPU failed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core.events import Step
from core.memory import plan
from core.rollouts import batch_generate, token_step
from core.run import Run
from core.train import train
from core.training import step_sizes
from tests.core.conftest import only
from tests.core.training import watchdog
from tests.core.training.test_recovery import assert_same_run, warnings
from tests.core.training.watchdog import Watchdog, let_recover

MakeRun = Callable[..., Run]


@pytest.fixture(autouse=True)
def whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CPU_TOKENS", 100_000)


def grpo_options(folder: Path, loss_type: str) -> dict[str, Any]:
    questions = folder / "questions.jsonl"
    questions.write_text("".join(json.dumps({"question": f"{n}+1?", "answer": str(n)}) + "\n" for n in range(8)))
    return {
        "backend": "cpu",
        "method": "grpo",
        "data": {"path": str(questions)},
        "options": {
            "rewards": ["length"],
            "group_size": 4,
            "max_completion_length": 12,
            "loss_type": loss_type,
            "beta": 0.1,
            "micro_batch_size": 8,
        },
        "train": {"steps": 2, "batch_size": 2},
    }


@pytest.mark.parametrize("loss_type", ["bnpo", "grpo"])
def test_rewarded_answers_are_learned_from_in_parts(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, loss_type: str
) -> None:
    options = grpo_options(tmp_path, loss_type)
    whole = make_run("whole", **options)
    expected = list(train(whole))
    dog = Watchdog(monkeypatch, 200)
    run = make_run("parted", **options)
    events = list(train(run))
    assert dog.failures and dog.largest <= 200
    assert_same_run(run, whole, events, expected)


def test_answers_are_written_fewer_at_once_and_so_in_the_next_run(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(batch_generate, "make_decoder", lambda model: None)  # as on a GPU
    options = grpo_options(tmp_path, "grpo")
    whole = make_run("whole", **options)
    expected = list(train(whole))
    failures: list[int] = []
    sample_tokens = token_step.sample_tokens

    def fail_above_three(logits: mx.array, *rest: Any) -> Any:
        if len(logits) > 3:
            failures.append(len(logits))
            raise RuntimeError(watchdog.INTERACTIVITY)
        return sample_tokens(logits, *rest)

    monkeypatch.setattr(token_step, "sample_tokens", fail_above_three)
    let_recover(monkeypatch)
    run = make_run("fewer", **options)
    events = list(train(run))
    assert_same_run(run, whole, events, expected)
    assert failures and step_sizes.recall(run).answers in (2, 3)
    assert warnings(events, "gpu-answers")[0].startswith("Answers were written again, ")
    failures.clear()
    assert len(only(Step, list(train(make_run("next", **options))))) == 2 and not failures


def test_a_loss_that_needs_its_batch_whole_goes_block_by_block(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    marked = tmp_path / "marked.jsonl"
    rows = [{"prompt": f"What is {n}?", "completion": "Yes. " * (1 + n % 4), "label": n % 2 == 0} for n in range(12)]
    marked.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options: dict[str, Any] = {
        "backend": "cpu",
        "method": "kto",
        "data": {"path": str(marked)},
        "train": {"steps": 2, "batch_size": 4},
    }
    whole = make_run("whole", **options)
    expected = list(train(whole))
    dog = Watchdog(monkeypatch, 100)
    run = make_run("by-block", **options)
    events = list(train(run))
    assert dog.failures == 1 and dog.largest <= 100
    assert_same_run(run, whole, events, expected)
    assert "block by block" in warnings(events, "gpu-step")[0]
