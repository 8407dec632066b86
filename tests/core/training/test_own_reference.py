"""Before a run has learned anything its model and its reference are the same, to the last bit."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from core.device import openblas, parallel_plan
from core.events import Evaluated, Step
from core.model.parted_logps import PartedLogps
from core.reference import reference
from core.run import Run
from core.stop_request import StopRequest
from core.train import resume, train
from core.training import prepare
from core.training.numpy_gradient import NumpyGradient
from core.training.train_step import TrainStep
from tests.core.conftest import only

MakeRun = Callable[..., Run]

LN_2 = float(np.float32(math.log(2)))
VARIED = {"rewards": ["regex"], "reward_pattern": "[a-m]"}
NOTHING_LEARNED = 1e-30  # learning rate: added to a weight, its updates change nothing


@pytest.fixture(params=[1, 2])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(parallel_plan, "MOST", request.param)
    monkeypatch.setattr(parallel_plan.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(openblas, "report", lambda: ("libopenblas.so", "loaded before MLX"))
    return int(request.param)


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    """Pairs of different lengths; the last batch is smaller."""
    rows = [
        {
            "prompt": f"What is {'1' * (n % 7 + 1)}?",
            "chosen": f"{'It is ' * (n % 5)}{n}.",
            "rejected": "No" * (n % 4 + 1),
        }
        for n in range(15)
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def computed_in_numpy(run: Run) -> bool:
    return bool(json.loads((Path(str(run.output)) / "resolved.json").read_text())["numpy"]["used"])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"data": {"packing": False}, "train": {"gradient_checkpointing": "on"}},
        {"train": {"batch_size": 2, "gradient_accumulation_steps": 3}},
    ],
)
def test_the_loss_of_dpo_is_ln_2_until_something_is_learned(
    options: dict[str, Any], make_run: MakeRun, pairs: str, cores: int
) -> None:
    options = {**options, "data": {"path": pairs, **options.get("data", {})}}
    options["train"] = {"steps": None, "epochs": 1.0, "learning_rate": NOTHING_LEARNED, **options.get("train", {})}
    run = make_run(method="dpo", **options)
    events = list(train(run))
    steps = only(Step, events)
    assert computed_in_numpy(run) and len(steps) > 1 and all(step.grad_norm > 0 for step in steps)
    assert [(s.loss, s.metrics["margin"], s.metrics["chosen_reward"]) for s in steps] == [(LN_2, 0, 0)] * len(steps)
    assert {event.loss for event in only(Evaluated, events)} == {LN_2}


@pytest.mark.parametrize(("method", "loss"), [("dpo", LN_2), ("kto", 0.5)])
@pytest.mark.parametrize("packing", [True, False])
def test_mlx_computes_the_reference_in_the_batches_of_the_steps(
    method: str, loss: float, packing: bool, make_run: MakeRun, pairs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In 16 bit what a GPU gives for a text depends on the shape of its batch."""
    asked, learned = list[Any](), list[Any]()
    monkeypatch.setattr(prepare, "make_numpy_gradient", lambda *_: (None, "on a GPU"))
    monkeypatch.setattr(parallel_plan, "MOST", 1)
    ask, learn = reference.token_logps, TrainStep.gradient
    monkeypatch.setattr(reference, "token_logps", lambda m, b, h: (asked.append(b.tokens.tolist()), ask(m, b, h))[1])
    monkeypatch.setattr(
        TrainStep, "gradient", lambda t, b, **o: (learned.append(b.tokens.tolist()), learn(t, b, **o))[1]
    )
    train_options = {"steps": None, "epochs": 1.0, "batch_size": 4, "learning_rate": NOTHING_LEARNED}
    data = {"path": pairs, "packing": packing}
    run = make_run(method=method, model={"dtype": "bfloat16"}, data=data, train=train_options)
    steps = only(Step, list(train(run)))
    assert not computed_in_numpy(run) and len(steps) > 2
    assert [step.loss for step in steps] == [loss] * len(steps)
    assert len(learned) >= len(steps) and all(tokens in asked for tokens in learned)


def test_the_adapter_that_a_run_begins_with_is_its_reference(make_run: MakeRun, pairs: str) -> None:
    list(train(make_run("earlier", train={"steps": 2})))
    start = {"init": str(Path(str(make_run("earlier").output)))}

    def first(name: str, reference: str | None) -> Step:
        options = {
            "adapter": start,
            "data": {"path": pairs},
            "options": {"reference": reference},
            "train": {"steps": 1},
        }
        run = make_run(name, method="dpo", **options)
        (step,) = only(Step, list(train(run)))
        assert computed_in_numpy(run)
        return step

    assert [first("initial", "initial").loss, first("default", None).loss] == [LN_2, LN_2]
    assert abs(first("base", "base").loss - LN_2) > 1e-3


def test_a_reference_that_is_computed_anew_is_what_it_was(make_run: MakeRun, pairs: str) -> None:
    options = {"method": "dpo", "data": {"path": pairs}, "train": {"steps": 6, "batch_size": 3, "eval_every": 2}}
    whole, broken = make_run("whole", **options), make_run("broken", **options)
    list(train(whole))
    stop = StopRequest()
    for event in train(broken, stop):
        if isinstance(event, Step) and event.step == 3:
            stop.set()
    (kept,) = Path(str(broken.output)).glob("reference-*.npy")
    before = kept.read_bytes()
    kept.unlink()
    list(resume(str(broken.output)))
    assert kept.read_bytes() == before
    assert adapter(broken) == adapter(whole)


def test_rewards_that_are_all_the_same_teach_nothing(make_run: MakeRun, tmp_path: Path, cores: int) -> None:
    """The KL term has no gradient where nothing was learned: otherwise Adam makes a whole step of its rounding."""
    run = grpo_run(make_run, tmp_path, {"rewards": ["exact"]})
    steps = only(Step, list(train(run)))
    assert computed_in_numpy(run)
    assert [(s.loss, s.grad_norm, s.metrics["kl"]) for s in steps] == [(0, 0, 0)] * 2
    tensors = load_file(Path(str(run.output)) / "adapters.safetensors")
    assert not any(tensor.any() for name, tensor in tensors.items() if name.endswith("lora_b"))


def test_the_kl_of_grpo_begins_at_0(make_run: MakeRun, tmp_path: Path, cores: int) -> None:
    first, second = only(Step, list(train(grpo_run(make_run, tmp_path, VARIED))))
    assert first.metrics["kl"] == 0 and first.grad_norm > 0
    assert second.metrics["kl"] > 0


def test_unknown_probabilities_of_replayed_answers_are_computed_as_the_steps_are(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(train(grpo_run(make_run, tmp_path, VARIED)))
    groups = [json.loads(line) for line in (tmp_path / "run" / "samples.jsonl").read_text().splitlines()]
    for answer in [answer for group in groups for answer in group["answers"]]:
        del answer["logps"]
    replay = tmp_path / "replay.jsonl"
    replay.write_text("".join(json.dumps(group) + "\n" for group in groups))
    computed: list[int] = []
    original = NumpyGradient.fixed_logps
    monkeypatch.setattr(NumpyGradient, "fixed_logps", lambda numpy: computed.append(1) or original(numpy))
    monkeypatch.delattr(PartedLogps, "__call__")  # MLX's
    first, _ = only(Step, list(train(grpo_run(make_run, tmp_path, VARIED | {"replay": str(replay)}, "again"))))
    assert len(computed) == 4  # the reference's, too, in each step
    assert first.metrics["kl"] == 0 and first.grad_norm > 0


def grpo_run(make_run: MakeRun, folder: Path, options: dict[str, Any], output: str = "run") -> Run:
    """A run whose answers of a few tokens are never what is expected."""
    questions = folder / "questions.jsonl"
    questions.write_text(
        "".join(json.dumps({"question": f"{n}+1?", "answer": "a long answer"}) + "\n" for n in range(8))
    )
    options = {"max_completion_length": 6, "beta": 0.1, "group_size": 4} | options
    train = {"steps": 2, "batch_size": 2}
    return make_run(output, method="grpo", data={"path": str(questions)}, options=options, train=train)


def adapter(run: Run) -> bytes:
    return (Path(str(run.output)) / "adapters.safetensors").read_bytes()
