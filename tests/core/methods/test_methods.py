"""What holds for every method with data of its own: the gradient arrives, seeds and resuming, references, teachers,
and each of its options changes the result."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core.adapters import WEIGHTS
from core.errors import BadModel, BadOption, Unavailable
from core.evaluation.evaluate import evaluate
from core.events import Evaluated, Finished, Phase, Started, Step, Warned
from core.options import describe
from core.run import Run, sections
from core.train import resume, train
from tests.core.conftest import only, write_model

METHODS = ("dpo", "simpo", "orpo", "kto", "distill")
MakeRun = Callable[..., Run]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("rows")
    asked = [[{"role": "user", "content": f"What is {n}?" + " Tell me." * (n % 3)}] for n in range(16)]
    good, bad = ([{"role": "assistant", "content": f"It is {n * n}.{end}"}] for end in (" Yes.", " No!") for n in (1,))
    pairs = [{"prompt": a, "chosen": good, "rejected": bad} for a in asked]
    thumbs = [{"prompt": a, "completion": (good, bad)[n % 2], "label": n % 2 == 0} for n, a in enumerate(asked)]
    text = [{"messages": a + good} for a in asked]
    found = {}
    for name, rows in (("pairs", pairs), ("thumbs", thumbs), ("text", text)):
        (folder / name).with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        found[name] = str(folder / f"{name}.jsonl")
    return found


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another model with the same vocabulary."""
    return str(write_model(tmp_path_factory.mktemp("teacher") / "wide", hidden_size=48))


@pytest.fixture
def make(make_run: MakeRun, data: dict[str, str], teacher: str) -> MakeRun:
    """A small run of a method."""

    def made(method: str, output: str = "run", **sections_: Any) -> Run:
        options = {"teacher": teacher} if method == "distill" else {}
        sections_ = {**sections_, "options": {**options, **sections_.get("options", {})}}
        path = data[sections_of(method)]
        sections_["data"] = {"path": path, **sections_.get("data", {})}
        return make_run(output=output, method=method, **sections_)

    return made


def sections_of(method: str) -> str:
    return str(Run(method=method).spec.data)


def steps(events: list[Any]) -> list[Any]:
    """What steps say, times aside: these differ from run to run, whatever was asked."""
    return [
        (e.step, e.loss, e.grad_norm, {k: v for k, v in e.metrics.items() if not k.endswith("_seconds")})
        for e in only(Step, events)
    ]


def weights(run: Run) -> dict[str, Any]:
    return {k: np.array(v) for k, v in mx.load(str(Path(str(run.output)) / WEIGHTS)).items()}


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_and_the_gradient_reaches_every_tensor(make: MakeRun, method: str) -> None:
    start = make(method, "start", train={"steps": 1}, data={"eval_split": 0.0})
    list(train(start))
    run = make(method, train={"steps": 24}, data={"eval_split": 0.25})
    events = list(train(run))
    before = weights(start)
    for name, value in weights(run).items():
        assert np.abs(value - before[name]).max() > 0, name
    finished = events[-1]
    assert isinstance(finished, Finished) and finished.loss_before is not None and finished.loss_after is not None
    assert finished.loss_after < finished.loss_before
    assert finished.message.startswith("Better")
    if method != "distill":
        assert finished.metrics_before["accuracy"] < finished.metrics_after["accuracy"] == 1.0
        assert "→ 100%" in finished.message
    shown = only(Step, events)[-1].metrics
    wanted = {"kl", "hard_loss"} if method == "distill" else {"chosen_reward", "rejected_reward", "margin", "accuracy"}
    assert wanted <= shown.keys()
    assert shown.keys() == only(Evaluated, events)[-1].metrics.keys()


@pytest.mark.parametrize("method", METHODS)
def test_stopped_and_resumed_equals_unbroken(make: MakeRun, method: str) -> None:
    whole, broken = (make(method, name, adapter={"dropout": 0.2}) for name in ("whole", "broken"))
    unbroken = list(train(whole))
    stop, first = threading.Event(), []
    for event in train(broken, stop):
        first.append(event)
        if isinstance(event, Step) and event.step == 3:
            stop.set()
    second = list(resume(str(broken.output)))
    assert steps(first) + steps(second) == steps(unbroken)
    assert not [e for e in only(Phase, second) if e.name.startswith("Asking")]
    assert only(Finished, second)[-1].metrics_before == only(Finished, unbroken)[-1].metrics_before
    mine, other = weights(broken), weights(whole)
    assert all(np.array_equal(mine[k], other[k]) for k in other)


# Answers of its own, of few tokens: the random model hardly ever ends one.
OWN = {"lmbda": 1.0, "max_new_tokens": 8}

# An option of a method, with a value that must make a difference and what it needs beside it.
CHANGED: dict[str, dict[str, tuple[Any, dict[str, Any]]]] = {
    "dpo": {
        "beta": (0.5, {}),
        "loss_type": ("ipo", {}),
        "label_smoothing": (0.1, {}),
        "sft_weight": (0.5, {}),
        "reference": ("OTHER", {}),
    },
    "simpo": {"beta": (0.7, {}), "gamma": (0.1, {}), "nll_weight": (0.5, {})},
    "orpo": {"beta": (0.7, {})},
    "kto": {
        "beta": (0.5, {}),
        "desirable_weight": (2.0, {}),
        "undesirable_weight": (2.0, {}),
        "reference": ("OTHER", {}),
    },
    "distill": {
        "teacher": ("OTHER", {}),
        "divergence": ("reverse", {}),
        "jsd_weight": (0.2, {"divergence": "jsd"}),
        "temperature": (2.0, {}),
        "hard_weight": (0.5, {}),
        "teacher_top_k": (3, {}),
        "lmbda": (1.0, {}),
        "max_new_tokens": (5, OWN),
        "sampling_temperature": (0.3, OWN),
    },
}


def test_every_option_is_here() -> None:
    for method, options in CHANGED.items():
        assert set(options) == {o.name for o in describe(sections(method)["options"])}


QUICK: dict[str, Any] = {"train": {"steps": 2, "eval_every": 2}, "data": {"eval_split": 0.0}}


@pytest.fixture(scope="module")
def unchanged() -> dict[str, list[Any]]:
    """The steps of runs without a change, by method and what stands beside it: several options share one such run."""
    return {}


def usual(make: MakeRun, unchanged: dict[str, list[Any]], method: str, beside: dict[str, Any]) -> list[Any]:
    """The steps of the run that an option's change is compared with."""
    key = json.dumps([method, beside])
    if key not in unchanged:
        unchanged[key] = steps(list(train(make(method, "usual", options=beside, **QUICK))))
    return unchanged[key]


@pytest.mark.parametrize(("method", "name"), [(m, name) for m, options in CHANGED.items() for name in options])
def test_it_makes_a_difference(
    make: MakeRun, model_folder: Path, teacher: str, unchanged: dict[str, list[Any]], method: str, name: str
) -> None:
    value, beside = CHANGED[method][name]
    if value == "OTHER":
        value = str(model_folder) if method == "distill" else teacher
    changed = steps(list(train(make(method, "changed", options=beside | {name: value}, **QUICK))))
    assert usual(make, unchanged, method, beside) != changed


@pytest.mark.parametrize(("method", "beside"), [*((method, {}) for method in METHODS), ("distill", OWN)])
def test_without_a_change_there_is_no_difference(
    make: MakeRun, unchanged: dict[str, list[Any]], method: str, beside: dict[str, Any]
) -> None:
    """Nor in another folder and at another time, so that a difference above is the option's."""
    again = steps(list(train(make(method, "again", options=beside, **QUICK))))
    assert usual(make, unchanged, method, beside) == again


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_the_reference_is_the_base_or_the_adapter_it_starts_from(make: MakeRun, method: str) -> None:
    earlier = make("dpo", "earlier", train={"steps": 3})
    list(train(earlier))
    same: dict[str, Any] = {"adapter": {"init": str(earlier.output)}, "train": {"steps": 1}}
    found = {}
    for asked in (None, "initial", "base"):
        run = make(method, f"r-{asked}", options={} if asked is None else {"reference": asked}, **same)
        events = list(train(run))
        found[asked] = only(Evaluated, events)[0]
        told = json.loads((Path(str(run.output)) / "resolved.json").read_text())["reference"]
        assert told["requested"] == asked and told["used"] == ("base" if asked == "base" else "initial")
        assert (Path(str(run.output)) / told["file"]).is_file()
    known = 0.5 if method == "kto" else 0.6931472
    assert found[None].loss == found["initial"].loss == pytest.approx(known, abs=1e-4)
    assert found["initial"].metrics["accuracy"] == 0.5
    assert abs(found["base"].loss - known) > 1e-3


def test_full_fine_tuning_is_compared_with_the_untouched_model(make: MakeRun) -> None:
    run = make("dpo", adapter={"type": "full"}, train={"learning_rate": 1e-3})
    events = list(train(run))
    assert only(Evaluated, events)[0].loss == pytest.approx(0.6931472, abs=1e-5)
    assert events[-1].metrics_after["margin"] > 0
    more = list(resume(str(run.output), changes={"train.steps": 8}))  # from the file, as the model has changed
    assert only(Step, more)[0].metrics["margin"] > only(Step, events)[1].metrics["margin"]


def test_a_reference_file_of_other_rows_is_not_used(make: MakeRun) -> None:
    run = make("dpo", train={"steps": 2, "batch_size": 2})
    list(train(run))
    (before,) = Path(str(run.output)).glob("reference-*.npy")
    more = list(resume(str(run.output), changes={"train.steps": 4}))  # which look at rows that were not asked about
    assert [e for e in only(Phase, more) if e.name.startswith("Asking")]
    (after,) = Path(str(run.output)).glob("reference-*.npy")
    assert before.name != after.name
    damaged = after.read_bytes()[:-7]
    after.write_bytes(damaged)
    again = list(resume(str(run.output), changes={"train.steps": 5}))
    assert [e.step for e in only(Step, again)] == [5]


def test_stopping_while_the_reference_is_asked(make: MakeRun) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Unavailable, match="stopped before its first step"):
        list(train(make("dpo"), stop))


def test_another_vocabulary_is_refused_in_a_sentence(make: MakeRun) -> None:
    odd = str(Path(__file__).parents[2] / "reference" / "models" / "llama-tiny")
    with pytest.raises(BadModel, match=r"The reference .* has another vocabulary \([\d,]+ tokens\) than"):
        list(train(make("dpo", options={"reference": odd})))
    with pytest.raises(BadModel, match=r"The teacher .* has another vocabulary"):
        list(train(make("distill", "d", options={"teacher": odd})))
    with pytest.raises(BadOption, match="needs a model to learn from: give --teacher"):
        list(train(make("distill", "n").replace("options.teacher", None)))


def test_a_run_can_be_the_teacher(make: MakeRun) -> None:
    earlier = make("simpo", "earlier", train={"steps": 6})
    list(train(earlier))
    run = make("distill", options={"teacher": str(earlier.output)}, train={"steps": 12})
    finished = list(train(run))[-1]
    assert 0 < finished.metrics_after["kl"] < finished.metrics_before["kl"]


def test_the_teachers_likeliest_tokens_come_near_all_of_them(make: MakeRun) -> None:
    def first(name: str, **options: Any) -> Any:
        quick: dict[str, Any] = {"train": {"steps": 1}, "data": {"eval_split": 0.0}}
        return only(Step, list(train(make("distill", name, options=options, **quick))))[0]

    for divergence in ("forward", "reverse", "jsd"):
        whole = first(f"{divergence}-whole", divergence=divergence)
        few, most = (first(f"{divergence}-{k}", divergence=divergence, teacher_top_k=k) for k in (4, 10_000))
        # Tokens taken together can only come nearer to each other, never part.
        assert 0 < few.metrics["kl"] < whole.metrics["kl"]
        assert most.metrics["kl"] == pytest.approx(whole.metrics["kl"], rel=1e-4)
        assert most.grad_norm == pytest.approx(whole.grad_norm, rel=1e-3)


def test_what_is_learned_of_pairs_and_own_answers_is_no_choice(make: MakeRun, tmp_path: Path) -> None:
    own_answers = Run(method="grpo", output=str(tmp_path / "grpo")).replace("data.train_on", "all")
    for run in (make("dpo", data={"train_on": "all"}), make("kto", data={"train_on": "all"}), own_answers):
        with pytest.raises(BadOption, match="train_on does nothing with"):
            list(train(run))


def test_pairs_that_say_the_same_within_the_cut_are_told(make: MakeRun) -> None:
    events = list(train(make("dpo", data={"max_seq_len": 44, "eval_split": 0.0}, train={"steps": 1})))
    (told,) = [e for e in only(Warned, events) if e.code == "same-answers"]
    assert "both answers are the same within 44 tokens" in told.message
    assert only(Started, events)[0].rows == 16


def test_a_model_can_be_measured_on_pairs(make: MakeRun) -> None:
    run = make("dpo", train={"steps": 12}, data={"eval_split": 0.25})
    trained = only(Evaluated, list(train(run)))[-1]
    path = run.data.path
    whole = list(evaluate(run.model.path, None, path, answers=1, kind="pairs"))[-1]
    after = list(evaluate(run.model.path, str(run.output), path, answers=0, kind="pairs"))[-1]
    assert isinstance(whole, Evaluated) and isinstance(after, Evaluated)
    assert set(whole.metrics) == {"perplexity", "preferred"} and whole.metrics["preferred"] < 1
    assert after.metrics["accuracy"] == after.metrics["preferred"] == trained.metrics["preferred"] == 1.0
    assert after.tokens == whole.tokens and after.loss != whole.loss


def test_marks_that_are_mostly_of_one_kind_are_told(make: MakeRun, data: dict[str, str], tmp_path: Path) -> None:
    rows = [json.loads(line) for line in Path(data["thumbs"]).read_text().splitlines()]
    uneven = tmp_path / "uneven.jsonl"
    uneven.write_text("".join(json.dumps(row | {"label": n > 2}) + "\n" for n, row in enumerate(rows)))
    quick: dict[str, Any] = {"data": {"path": str(uneven), "eval_split": 0.0}, "train": {"steps": 1}}
    (told,) = [e for e in only(Warned, list(train(make("kto", **quick)))) if e.code == "uneven-marks"]
    assert told.message.startswith("13 answers are marked good and 3 bad; undesirable_weight 4.3 with")
    weighed = list(train(make("kto", "weighed", options={"undesirable_weight": 4.3}, **quick)))
    assert not [e for e in only(Warned, weighed) if e.code == "uneven-marks"]
