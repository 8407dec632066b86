"""What a run has cost: general text before and after, by hand-made losses and in small runs of every kind."""

import gc
import json
import math
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core import methods
from core.data.tokenize.tokenizer import load_tokenizer
from core.evaluation import losses as evaluation_losses
from core.evaluation.evaluate import evaluate
from core.events import Finished, Phase, Step, Walked
from core.model.generate import answer_tokens
from core.model.load import load
from core.resources import STARTER, sample
from core.run import Run
from core.run.folder import REPORT
from core.train import resume, train
from core.training import forgetting, general_text, result_metrics, verdict
from core.training.forgetting import FILE, METRIC, Forgetting, General, Record, compare, describe
from core.training.general_text import (
    NeutralText,
    encode_texts,
    general_questions,
    is_worth_it,
    neutral_texts,
)
from tests.core.conftest import only
from tests.core.training.test_trainer import adapter, losses, same_tensors

MakeRun = Callable[..., Run]


def test_the_texts_are_of_many_languages_and_kinds_and_each_is_there_once() -> None:
    texts = neutral_texts()
    languages, kinds = (Counter(getattr(text, name) for text in texts) for name in ("language", "kind"))
    assert {"en", "de", "fr", "es", "zh", "ja"} <= languages.keys() and min(kinds.values()) >= 1
    assert {"prose", "dialogue", "code", "maths", "list", "json", "chat"} <= kinds.keys()
    assert len({text.text for text in texts}) == len(texts) >= 60 and len(general_questions()) == 12
    encoded = encode_texts(load_tokenizer(STARTER))
    assert len(encoded) == len(texts) and all(text.mask.any() for text in encoded)


def test_general_text_is_measured_without_the_memory_of_the_steps(make_run: MakeRun) -> None:
    run = make_run(adapter={"type": "full"}, train={"forgetting": "on", "learning_rate": 1e-4})
    held = {}
    gc.collect()
    idle = mx.get_active_memory()  # of other tests
    for event in train(run):
        if isinstance(event, Phase) and event.name.startswith("Measuring general text"):
            held[event.name] = mx.get_active_memory() - idle, mx.get_cache_memory()
    (before, _), (after, cached) = held.values()  # the optimizer's state, twice the weights, is there from the start
    assert after < 0.6 * before and cached < before


def test_a_loss_of_every_text_by_the_same_amount() -> None:
    found = compare([2.0] * 10, [2.2] * 10, 1000)
    assert found is not None and found.texts == 10 and found.share == pytest.approx(0.1)
    assert found.p == 2 / 1024 and found.forgot
    assert describe(found) == "It forgot: 10% worse on general text; fewer epochs or a lower learning rate keep more."
    much = compare([1.0] * 10, [2.5] * 10, 1000)
    assert describe(much, advice="") == "It forgot: its loss is 2.5 times as high on general text."


@pytest.mark.parametrize(
    "after",
    [
        [2.03] * 10,  # each is worse, but by little
        [1.0, 4.0] * 5,  # a quarter worse in the mean, but as chance would have it
        [1.5] * 10,
    ],
)
def test_little_or_chance_or_a_gain_is_not_told(after: list[float]) -> None:
    found = compare([2.0] * 10, after, 1000)
    assert found is not None and not found.forgot and describe(found) == ""


def test_texts_that_the_model_did_not_know_cannot_be_forgotten() -> None:
    blind = math.log(100)
    before = [blind + 0.1, None, math.nan, *[1.0] * 6]
    found = compare(before, [9.0, 9.0, 9.0, *[1.5] * 6], 100)
    assert found == Forgetting(6, 1.0, 1.5, 2 / 64)
    assert compare(before[:-1], [9.0] * 8, 100) is None  # five say nothing
    assert describe(None) == ""


def test_the_file_is_read_as_it_was_written_and_what_is_no_such_file_is_none(tmp_path: Path) -> None:
    assert forgetting.read(tmp_path) is None
    record = Record(["Why?"], 100, General([1.0, math.nan], ["So."]), General([2.0, math.inf], ["No."]))
    (tmp_path / FILE).write_text(record.to_json())
    read = forgetting.read(tmp_path)
    assert read is not None and read.before.losses == [1.0, None] and read.answers() == [("Why?", "So.", "No.")]
    for damage in ('{"questions": []}', "[]", record.to_json()[:40], record.to_json().replace("1.0", '"a"')):
        (tmp_path / FILE).write_text(damage)
        assert forgetting.read(tmp_path) is None


def test_the_verdict_tells_it_and_is_amber_where_a_fifth_was_lost() -> None:
    def finish(after: float) -> Finished:
        facts = {"loss_before": 2.0, "loss_after": 1.0, "forgetting": "It forgot: much."}
        metrics = {"metrics_before": {METRIC: 1.0}, "metrics_after": {METRIC: after}}
        return Finished("done", 20, "", 1.0, best_step=20, eval_rows=9, **facts, **metrics)  # type: ignore[arg-type]

    assert verdict.verdict(Run(), finish(1.5), {}) == "Better on unseen examples: 2.00 → 1.00. It forgot: much."
    assert [verdict.tone(Run(), finish(after)) for after in (1.1, 1.2, 1.7)] == ["good", "warn", "warn"]
    assert result_metrics.format_metrics({METRIC: 1.0}, {METRIC: 1.5}) == [("Loss on general text", "1 → 1.5")]


def test_by_itself_it_is_measured_where_it_takes_less_than_a_tenth(make_run: MakeRun) -> None:
    tokenizer, run = load_tokenizer(STARTER), make_run()
    texts = sum(len(text.tokens) for text in encode_texts(tokenizer))
    enough = 2 * (texts + 12 * 120) * 10 / 3
    assert is_worth_it(run, tokenizer, 100, enough + 1) and not is_worth_it(run, tokenizer, 100, enough - 1)
    assert is_worth_it(make_run(train={"forgetting": "on"}), tokenizer, 1, 1)
    assert not is_worth_it(make_run(train={"forgetting": "off"}), tokenizer, 100, 1e9)
    rewards = Run(method="grpo")
    assert is_worth_it(rewards, tokenizer, 500, 0) and not is_worth_it(rewards, tokenizer, 1, 1e9)


@pytest.fixture
def few_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight short texts and two questions, far from the rows; a model with random weights
    counts as knowing all of them."""
    texts = [NeutralText("en", "prose", "ZQXJ" * 6 + "KVWY"[:n]) for n in range(6)]
    texts += [NeutralText("en", "chat", "ZQXJ" * 4, question) for question in ("What is it?", "And this?")]
    monkeypatch.setattr(general_text, "neutral_texts", lambda: tuple(texts))
    for module in (forgetting, evaluation_losses):
        monkeypatch.setattr(module, "known_texts", lambda losses, vocabulary: list(range(len(losses))))


@pytest.mark.usefixtures("few_texts")
def test_it_is_measured_and_told_and_changes_nothing_else(make_run: MakeRun) -> None:
    train_options = {"learning_rate": 0.3, "lr_schedule": "constant", "samples": 1, "sample_tokens": 4}
    without = make_run("off", train=train_options)
    off = list(train(without))
    state = mx.random.state[0].tolist()
    run = make_run("on", train={**train_options, "forgetting": "on"})
    on = list(train(run))
    assert mx.random.state[0].tolist() == state
    folder, other = Path(str(run.output)), Path(str(without.output))
    assert losses(on) == losses(off) and len(only(Step, on)) == 6
    assert same_tensors(adapter(folder), adapter(other))
    assert not (other / FILE).exists() and METRIC not in off[-1].metrics_after
    finished = on[-1]
    assert finished.metrics_after[METRIC] > finished.metrics_before[METRIC] * 1.02 and finished.forgetting
    assert finished.message.endswith(finished.forgetting) and "It forgot: " in finished.message
    page = (folder / REPORT).read_text(encoding="utf-8")
    assert "| General question | Before | After |" in page and "worse by more than chance" in page
    record = forgetting.read(folder)
    assert record is not None and len(record.answers()) == 2 and record.vocabulary > 260
    assert json.loads((folder / "resolved.json").read_text())["train"]["forgetting"] == "on"
    assert [e.name for e in only(Phase, on) if "general" in e.name] == [
        "Measuring general text before training",
        "Measuring general text after training",
    ]


@pytest.mark.usefixtures("few_texts")
def test_eval_finds_what_the_run_has_told(make_run: MakeRun) -> None:
    run = make_run(train={"learning_rate": 0.3, "lr_schedule": "constant", "forgetting": "on", "keep_best": False})
    finished = list(train(run))[-1]
    for adapter_path, metrics in ((str(run.output), finished.metrics_after), (None, finished.metrics_before)):
        events = Walked(evaluate(run.model.path, adapter_path, run.data.path, answers=0, forgetting=True))
        assert events.finish().metrics[METRIC] == pytest.approx(metrics[METRIC], rel=1e-5)
        found = events.value.forgetting
        assert (describe(found) == finished.forgetting) if adapter_path else found is None


@pytest.mark.usefixtures("few_texts")
def test_a_resumed_run_compares_with_what_was_measured_first(make_run: MakeRun) -> None:
    whole = list(train(make_run("whole", train={"forgetting": "on"})))
    run, stop = make_run("parts", train={"forgetting": "on", "save_every": 2}), threading.Event()
    for event in train(run, stop):
        if isinstance(event, Step) and event.step == 2:
            stop.set()
    first = json.loads((Path(str(run.output)) / FILE).read_text())["before"]
    events = list(resume(str(run.output)))
    assert "Measuring general text before training" not in [e.name for e in only(Phase, events)]
    assert json.loads((Path(str(run.output)) / FILE).read_text())["before"] == first
    assert events[-1].metrics_before == whole[-1].metrics_before
    assert events[-1].metrics_after == whole[-1].metrics_after and METRIC in events[-1].metrics_after


@pytest.mark.usefixtures("few_texts")
def test_stopped_meanwhile_it_is_measured_when_the_run_goes_on(make_run: MakeRun) -> None:
    run, stop = make_run(train={"forgetting": "on"}), threading.Event()
    for event in train(run, stop):
        if isinstance(event, Phase) and event.name == "Measuring general text before training":
            stop.set()
    assert not (Path(str(run.output)) / FILE).exists()
    events = list(resume(str(run.output)))
    assert METRIC in events[-1].metrics_after and events[-1].step == 6


@pytest.mark.usefixtures("few_texts")
@pytest.mark.parametrize("method", sorted(methods.load()))
def test_every_method_tells_it(method: str, make_run: MakeRun, model_folder: Path, data_file: Path) -> None:
    plain = Walked(evaluate(str(model_folder), None, str(data_file), answers=0, forgetting=True)).finish()
    spec = methods.load()[method]
    options: dict[str, Any] = {"teacher": str(model_folder)} if spec.divergence else {}
    if spec.on_policy:  # a temperature is not to change what is measured
        options = {"group_size": 2, "max_completion_length": 4, "temperature": 0.5, "rewards": ["length"]}
    train_options = {"steps": 1, "batch_size": 2, "forgetting": "on"}
    data = {"path": str(sample(spec.data, held_out=True)), "eval_split": 0.1, "max_seq_len": 256}
    finished = list(train(make_run(method=method, train=train_options, data=data, options=options)))[-1]
    assert finished.metrics_before[METRIC] == pytest.approx(plain.metrics[METRIC], rel=1e-5)
    before, after = finished.metrics_before[METRIC], finished.metrics_after[METRIC]
    assert math.isfinite(after) and (after != before or spec.on_policy)  # equal rewards teach nothing


def test_answers_written_at_once_are_those_written_one_by_one() -> None:
    loaded = load(STARTER, "float32", device="cpu")
    answers = general_text.answer_questions(loaded.model, loaded.tokenizer, mx.float32)
    prompts = [prompt for prompt in general_text.encode_questions(loaded.tokenizer) if prompt]
    one_by_one = [answer_tokens(loaded.model, loaded.tokenizer, p.tokens, general_text.ANSWER_TOKENS) for p in prompts]
    assert answers == [answer.text for answer in one_by_one] and "Rome" in answers[0]
    assert general_text.answer_questions(loaded.model, loaded.tokenizer, mx.float32, lambda: True) == []
