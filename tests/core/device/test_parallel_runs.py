"""Two batches side by side, for every adapter, start, reference and method: as many numbers as in turn, and the same.

A graph that reaches a thread with an array of another thread in it ends the run, or the process: so does each of these
runs where something that the model holds is not evaluated by the thread that made it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.device import openblas, parallel_plan
from core.events import Evaluated, Finished, Step
from core.run import Run
from core.train import train
from tests.core.conftest import only, write_model

MakeRun = Callable[..., Run]

ADAPTERS: dict[str, dict[str, Any]] = {
    "lora": {"type": "lora"},
    "rslora": {"type": "lora", "rslora": True, "rank": 4},
    "plus": {"type": "lora", "plus": 4.0},
    "embeddings": {"type": "lora", "targets": "all,embeddings"},
    "dora": {"type": "dora"},
}
BASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "nf4": {"quantization": "nf4"},
    "double": {"quantization": "fp4", "double_quantization": True},
    "int8": {"quantization": "int8"},
    "affine-4": {"quantization": "affine-4"},
}
METHODS: dict[str, dict[str, Any]] = {
    "sft": {},
    "simpo": {},
    "orpo": {},
    "dpo-base": {"reference": "base"},
    "dpo-initial": {"reference": "initial"},
    "dpo-other": {"reference": "OTHER"},
    "kto-base": {"reference": "base"},
    "kto-initial": {"reference": "initial"},
    "kto-other": {"reference": "OTHER"},
    "distill-live": {"teacher": "OTHER"},
    "distill-top": {"teacher": "OTHER", "teacher_top_k": 4},
    "grpo": {"beta": 0.1, "group_size": 2, "max_completion_length": 4, "eval_questions": 2},
    "dapo": {"group_size": 2, "max_completion_length": 4, "eval_questions": 2, "dynamic_sampling": False},
}


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with two cores and OpenBLAS, whatever this one has."""
    monkeypatch.setattr(parallel_plan, "MOST", 2)
    monkeypatch.setattr(parallel_plan.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(openblas, "report", lambda: ("libopenblas.so", "loaded before MLX"))


ROWS: dict[str, dict[str, Any]] = {
    "sft": {"prompt": "What is {n}?", "completion": "It is {n}."},
    "distill": {"prompt": "What is {n}?", "completion": "It is {n}."},
    "pairs": {"prompt": "What is {n}?", "chosen": "It is {n}.", "rejected": "No {n} idea."},
    "kto": {"prompt": "What is {n}?", "completion": "It is {n}.", "label": True},
    "questions": {"question": "What is {n}?", "answer": "{n}"},
}
KINDS = {"simpo": "pairs", "orpo": "pairs", "dpo": "pairs", "grpo": "questions", "dapo": "questions"}


def write_data(path: Path, method: str) -> str:
    """Twelve rows of different lengths, as the method needs them."""
    lines = []
    for n in range(12):
        row = {k: v.format(n="1" * (n + 1)) if isinstance(v, str) else n % 2 == 0 for k, v in
               ROWS[KINDS.get(method, method)].items()}  # fmt: skip
        lines.append(json.dumps(row) + "\n")
    path.write_text("".join(lines))
    return str(path)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """(the model to be trained, wide enough to be packed; another one: a teacher, or a reference)."""
    folder = tmp_path_factory.mktemp("models")
    shape = {"hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
    return str(write_model(folder / "trained", **shape)), str(write_model(folder / "other", hidden_size=48))


@pytest.fixture
def numbers(make_run: MakeRun, models: tuple[str, str], tmp_path: Path) -> Callable[..., list[float]]:
    """Every loss and gradient norm of a short run."""

    def measure(method: str, output: str, adapter: dict[str, Any], base: dict[str, Any]) -> list[float]:
        options = {k: models[1] if v == "OTHER" else v for k, v in METHODS[method].items()}
        name = method.partition("-")[0]
        run = make_run(
            output=output,
            method=name,
            backend="cpu",
            options=options,
            adapter=adapter,
            model={"path": models[0], **base},
            data={"path": write_data(tmp_path / f"{name}.jsonl", name), "eval_split": 0.4},
            train={"steps": 2, "eval_every": 2, "batch_size": 3, "gradient_accumulation_steps": 2},
        )
        events = list(train(run))
        assert only(Finished, events)[0].reason == "done"
        resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
        assert resolved["data"]["micro_batches"]["at_once"] == parallel_plan.MOST
        steps = [x for e in only(Step, events) for x in (e.loss, e.grad_norm)]
        return steps + [e.loss for e in only(Evaluated, events)]

    return measure


@pytest.fixture(scope="module")
def learned() -> dict[tuple[str, str], str]:
    """Folders of adapters that have learned something, by adapter and base: several runs go on from the same one."""
    return {}


@pytest.fixture
def check(
    numbers: Callable[..., list[float]],
    learned: dict[tuple[str, str], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[..., None]:
    """A run with two batches side by side gives what it gives with one after the other."""

    def compare(method: str, adapter: str, base: str, initial: bool) -> None:
        asked = ADAPTERS[adapter]
        if initial:
            if (adapter, base) not in learned:
                numbers("sft", "start", asked, BASES[base])
                learned[adapter, base] = str(tmp_path / "start")
            asked = {"init": learned[adapter, base]}
        # Sampled answers part at the first near tie: of a run that samples, what comes before the first update.
        count = 2 if method in ("grpo", "dapo") else None
        side_by_side = numbers(method, "two", asked, BASES[base])
        monkeypatch.setattr(parallel_plan, "MOST", 1)
        in_turn = numbers(method, "one", asked, BASES[base])
        assert side_by_side[:count] == pytest.approx(in_turn[:count], rel=5e-3, abs=1e-6)

    return compare


# Each method, adapter and base, fresh and going on; DoRA, which keeps a norm for its next call, with each kind of
# reference and teacher, and going on, as an adapter that is loaded brings arrays of its own.
CHOSEN = [
    ("sft", "dora", "plain", True),
    ("simpo", "rslora", "double", False),
    ("orpo", "embeddings", "int8", False),
    ("dpo-base", "dora", "plain", True),
    ("dpo-base", "embeddings", "plain", False),
    ("dpo-initial", "dora", "plain", True),
    ("dpo-initial", "lora", "nf4", True),
    ("dpo-other", "plus", "affine-4", False),
    ("kto-base", "lora", "nf4", True),
    ("kto-initial", "dora", "affine-4", False),
    ("kto-other", "dora", "plain", True),
    ("distill-live", "dora", "plain", True),
    ("distill-top", "lora", "double", False),
    ("grpo", "dora", "plain", True),
    ("dapo", "plus", "int8", False),
]


def test_each_value_is_among_the_chosen() -> None:
    methods, adapters, bases, starts = (set(values) for values in zip(*CHOSEN, strict=True))
    assert (methods, adapters, bases, starts) == (set(METHODS), set(ADAPTERS), set(BASES), {False, True})


@pytest.mark.parametrize(("method", "adapter", "base", "initial"), CHOSEN)
def test_the_chosen(method: str, adapter: str, base: str, initial: bool, check: Callable[..., None]) -> None:
    check(method, adapter, base, initial)


@pytest.mark.slow
@pytest.mark.parametrize("initial", [False, True], ids=["fresh", "initial"])
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("method", METHODS)
def test_every_combination(method: str, adapter: str, base: str, initial: bool, check: Callable[..., None]) -> None:
    check(method, adapter, base, initial)
