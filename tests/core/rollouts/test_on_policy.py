"""On-policy distillation through the loop's real entry point: whose answers are learned, when, and what is refused."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.utils import load_model

from core.adapters import WEIGHTS
from core.data.batch.batches import Batch
from core.data.tokenize.encode import Encoded
from core.data.tokenize.end_of_turn import EndOfTurn
from core.errors import BadData, BadOption
from core.events import Finished, Started, Step, Warned
from core.rollouts import setup
from core.rollouts.on_policy import OnPolicyBatches, prompt_length
from core.run import Run
from core.train import resume, train
from tests.core.conftest import only, write_model

ENDS = [2, *range(230, 280)]  # a random model hardly ever ends an answer: more tokens than the usual ones do
Make = Callable[..., Run]


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "find_end_of_turn", lambda tokenizer: EndOfTurn("", tuple(ENDS), added=False))


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, list[Batch]]]:
    """Every (step, batches) that the loop is given while the test runs."""
    windows: list[tuple[int, list[Batch]]] = []
    window = OnPolicyBatches.window

    def recording_window(self: OnPolicyBatches, step: int) -> list[Batch]:
        batches = window(self, step)
        windows.append((step, batches))
        return batches

    monkeypatch.setattr(OnPolicyBatches, "window", recording_window)
    return windows


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_model(tmp_path_factory.mktemp("teacher") / "wide", hidden_size=48))


@pytest.fixture
def make(make_run: Make, teacher: str) -> Make:
    def make_distill_run(output: str = "run", **sections: Any) -> Run:
        own = {"teacher": teacher, "lmbda": 1.0, "max_new_tokens": 9, **sections.pop("options", {})}
        return make_run(output=output, method="distill", options=own, **sections)

    return make_distill_run


def texts(batches: list[Batch]) -> list[tuple[list[int], list[int]]]:
    """(tokens before the first learned one, learned tokens) of every text."""
    pairs = []
    for batch in batches:
        for tokens, mask, length in zip(batch.tokens, batch.mask, batch.lengths, strict=True):
            first = 1 + int(mask.argmax())
            assert mask[first - 1 : length - 1].all() and not mask[length - 1 :].any()
            pairs.append((tokens[:first].tolist(), tokens[first:length].tolist()))
    return pairs


def sample_by_hand(model: Any, prompt: list[int], numbers: Any, temperature: float) -> list[int]:
    """What a model says, without a cache: each token is where its number falls among the cumulated probabilities."""
    completion: list[int] = []
    for number in numbers:
        p = mx.softmax(model(mx.array([prompt + completion]))[0, -1] / temperature)
        completion.append(int(np.searchsorted(np.cumsum(np.array(p, np.float64)), number)))
        if completion[-1] in ENDS:
            break
    return completion


def metrics_of(events: list[Any]) -> list[Any]:
    timings = {"sampling_seconds", "learning_seconds"}
    return [
        (e.step, e.loss, e.grad_norm, {k: v for k, v in e.metrics.items() if k not in timings})
        for e in only(Step, events)
    ]


def weights(run: Run) -> dict[str, Any]:
    return {k: np.array(v) for k, v in mx.load(str(Path(str(run.output)) / WEIGHTS)).items()}


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_student_writes_what_is_learned(
    make: Make, model_folder: Path, windows: list[Any], temperature: float
) -> None:
    """In the first step, the answers are those of the untrained model, token by token."""
    run = make(options={"sampling_temperature": temperature}, train={"steps": 2})
    first = only(Step, list(train(run)))[0]
    assert [step for step, _ in windows] == [1, 2]
    model, _ = load_model(model_folder)
    completions = texts(windows[0][1])
    assert len(completions) == 4 and len({str(answer) for _, answer in completions}) == 4
    for place, (prompt, answer) in enumerate(completions):
        numbers = np.random.default_rng([run.train.seed, 1, place, 0]).random(9, dtype=np.float32)
        assert answer == sample_by_hand(model, prompt, numbers, temperature)
    assert first.trained_tokens == sum(len(answer) for _, answer in completions)
    assert first.metrics["answer_length"] == first.trained_tokens / 4
    assert first.loss == pytest.approx(first.metrics["own_kl"]) and "hard_loss" not in first.metrics


def test_the_questions_are_those_of_the_data(make: Make, windows: list[Any]) -> None:
    """The same rows in the same steps as without; only what stands behind the question is another."""
    list(train(make(train={"steps": 5})))
    on_policy = [texts(batches) for _, batches in windows]
    windows.clear()
    list(train(make("data", options={"lmbda": 1e-9}, train={"steps": 5})))
    off_policy = [texts(batches) for _, batches in windows]
    assert [[prompt for prompt, _ in step] for step in on_policy] != []
    for own_texts, data_texts in zip(on_policy, off_policy, strict=True):
        assert sorted(prompt for prompt, _ in own_texts) == sorted(prompt for prompt, _ in data_texts)
        assert sorted(answer for _, answer in own_texts) != sorted(answer for _, answer in data_texts)


def test_the_gradient_reaches_every_tensor(make: Make) -> None:
    start, run = make("start", train={"steps": 1}), make(train={"steps": 30, "eval_every": 30})
    list(train(start))
    events = list(train(run))
    initial = weights(start)
    for name, value in weights(run).items():
        assert np.abs(value - initial[name]).max() > 0, name
    steps = only(Step, events)
    assert np.mean([s.metrics["own_kl"] for s in steps[-5:]]) < 0.9 * np.mean([s.metrics["own_kl"] for s in steps[:5]])
    last = only(Finished, events)[0]
    assert last.metrics_after["kl"] < last.metrics_before["kl"]  # on the data's answers, which it has not windows


def test_a_share_of_the_steps(make: Make) -> None:
    events = list(train(make(options={"lmbda": 0.5, "hard_weight": 0.25}, train={"steps": 24, "eval_every": 24})))
    on_policy = [s for s in only(Step, events) if "own_kl" in s.metrics]
    off_policy = [s for s in only(Step, events) if "kl" in s.metrics]
    assert len(on_policy) + len(off_policy) == 24 and 6 <= len(on_policy) <= 18
    for s in on_policy:
        assert {"answer_length", "cut_off", "sampling_seconds", "learning_seconds"} <= s.metrics.keys()
        assert s.loss == pytest.approx(s.metrics["own_kl"])
    for s in off_policy:
        assert "answer_length" not in s.metrics
        assert s.loss == pytest.approx(0.75 * s.metrics["kl"] + 0.25 * s.metrics["hard_loss"], rel=1e-5)


def test_stopped_and_resumed_equals_unbroken(make: Make) -> None:
    sections: dict[str, Any] = {
        "adapter": {"dropout": 0.2},
        "options": {"lmbda": 0.6},
        "train": {"steps": 8, "gradient_accumulation_steps": 2},
    }
    unbroken_run, broken_run = make("whole", **sections), make("broken", **sections)
    unbroken = list(train(unbroken_run))
    assert {"own_kl" in s.metrics for s in only(Step, unbroken)} == {True, False}
    stop, first = threading.Event(), []
    for event in train(broken_run, stop):
        first.append(event)
        if isinstance(event, Step) and event.step == 3:
            stop.set()
    second = list(resume(str(broken_run.output)))
    assert metrics_of(first) + metrics_of(second) == metrics_of(unbroken)
    resumed_weights, expected = weights(broken_run), weights(unbroken_run)
    assert all(np.array_equal(resumed_weights[k], expected[k]) for k in expected)


def test_it_stops_between_two_tokens(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long answer need not be waited for, and what was begun is completions again as it would have been."""
    from core.rollouts import batch_generate

    stop, tokens, generate = threading.Event(), [], batch_generate.batch_generate

    def slow(*args: Any, **options: Any) -> Any:
        for finished in generate(*args, **options):
            tokens.append(len(finished))
            if len(tokens) == 12:  # in the second step
                stop.set()
            yield finished

    monkeypatch.setattr(batch_generate, "batch_generate", slow)
    unbroken = list(train(make("whole", train={"steps": 3})))
    tokens.clear(), stop.clear()
    run = make("broken", train={"steps": 3})
    events = list(train(run, stop))
    assert only(Finished, events)[0].reason == "stopped" and len(tokens) == 12
    assert [s.step for s in only(Step, events)] == [1]
    assert metrics_of(events) + metrics_of(list(resume(str(run.output)))) == metrics_of(unbroken)


def test_a_question_leaves_the_room_that_there_is(make: Make, windows: list[Any]) -> None:
    list(train(make(options={"max_new_tokens": 60}, data={"max_seq_len": 48}, train={"steps": 5})))
    lengths = [len(prompt) + len(answer) for _, batches in windows for prompt, answer in texts(batches)]
    assert max(lengths) <= 48


def test_rows_that_ask_nothing(make: Make, tmp_path: Path, windows: list[Any]) -> None:
    plain = [{"text": f"There were {n} birds in the old tree."} for n in range(6)]
    asks = [{"prompt": f"What is {n}?", "completion": f" It is {n}."} for n in range(6)]
    for name, rows in (("plain", plain), ("both", plain + asks)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    quick: dict[str, Any] = {"train": {"steps": 3}}
    with pytest.raises(BadData, match=r"plain.jsonl: no row asks anything that the student could answer"):
        list(train(make("plain", data={"path": str(tmp_path / "plain.jsonl"), "eval_split": 0.0}, **quick)))
    events = list(train(make("both", data={"path": str(tmp_path / "both.jsonl"), "eval_split": 0.0}, **quick)))
    (note,) = [e for e in only(Warned, events) if e.code == "no-question"]
    assert note.message.startswith("6 of 12 rows ask nothing")
    plain_lengths = [len(answer) for _, batches in windows for prompt, answer in texts(batches) if len(prompt) == 1]
    assert len(plain_lengths) == 6 and min(plain_lengths) > 9
    assert only(Started, events)[0].rows == 12


def test_where_a_question_ends() -> None:
    def row(*mask: int) -> Encoded:
        return Encoded(1, np.arange(len(mask), dtype=np.int32), np.array(mask, np.int8), 0)

    assert prompt_length(row(0, 0, 1, 1, 0, 0, 1, 1)) == 6  # a conversation: before the last answer
    assert prompt_length(row(0, 0, 0, 1)) == 3
    assert prompt_length(row(0, 1, 1)) == 0  # learned whole


def test_what_contradicts_is_one_sentence() -> None:
    def checked(**options: Any) -> None:
        Run.from_dict({"method": "distill", "options": {"teacher": "t", **options}})

    with pytest.raises(BadOption, match=r"^lmbda needs a teacher in memory, .*: leave out teacher_top_k, or set lmbda"):
        checked(lmbda=0.5, teacher_top_k=32)
    with pytest.raises(BadOption, match=r"^hard_weight does nothing with lmbda 1, where no step takes the answers"):
        checked(lmbda=1.0, hard_weight=0.5)
    for option in ({"max_new_tokens": 64}, {"sampling_temperature": 0.7}):
        with pytest.raises(BadOption, match=r"does nothing without answers of its own: give lmbda, their share"):
            checked(**option)
    checked(lmbda=0.5, hard_weight=0.5, max_new_tokens=64, sampling_temperature=0.7)
