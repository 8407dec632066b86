"""A batch in parts, for a processor's sake, is learned from as the whole batch is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core import methods
from core.data.kinds import PAIRS, TEXT
from core.device import parallel_plan
from core.events import Step
from core.memory import plan
from core.run import Run
from core.train import train
from tests.core.conftest import only

DECOMPOSABLE = [name for name, spec in methods.load().items() if spec.data in (TEXT, PAIRS) and spec.decomposable]


NLL = {"dpo": {"sft_weight": 0.7}, "simpo": {"nll_weight": 0.7}}


def test_methods_whose_losses_add_up_say_so() -> None:
    assert {"sft", "dpo", "orpo", "simpo"} <= set(DECOMPOSABLE)


@pytest.mark.parametrize("method", DECOMPOSABLE)
def test_the_numbers_are_those_of_the_whole_batch(
    method: str, make_run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"prompt": f"What is {n}?", "chosen": "Yes. " * (1 + n % 5), "rejected": "No! " * (1 + n % 3)}
        for n in range(12)
    ]
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = {} if methods.load()[method].data == TEXT else {"path": str(pairs)}

    def steps(max_tokens: int) -> list[Step]:
        monkeypatch.setattr(plan, "CPU_TOKENS", max_tokens)
        monkeypatch.setattr(parallel_plan, "MOST", 1 if max_tokens > 1000 else 2)
        run = make_run(
            output=str(tmp_path / str(max_tokens)),
            backend="cpu",
            method=method,
            data=data,
            options=NLL.get(method, {}),
            train={"steps": 4, "batch_size": 5},
        )
        events = only(Step, list(train(run)))
        resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
        assert (resolved["data"]["micro_batches"]["rows"] < 5) is (max_tokens < 1000)
        return events

    whole_batch, in_parts = steps(100_000), steps(60)
    for a, b in zip(whole_batch, in_parts, strict=True):
        assert b.loss == pytest.approx(a.loss, rel=1e-5) and b.grad_norm == pytest.approx(a.grad_norm, rel=1e-4)
        assert b.tokens == a.tokens and b.trained_tokens == a.trained_tokens
        assert b.metrics == pytest.approx(a.metrics, rel=1e-4, abs=1e-5)
