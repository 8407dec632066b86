"""Sentences keep their words and values: through an event's line of JSON, and into another language."""

import dataclasses
import json
import math
import pickle
from pathlib import Path

import pytest

from app.desktop import language
from app.desktop.language import tr
from core.errors import BadOption
from core.events import Finished, Resumed, Warned, from_json, to_json
from core.run import Run
from core.text.sentence import (
    Sentence,
    capitalize,
    from_plain,
    join,
    join_and,
    pack,
    say,
    shorten,
    split_lines,
    to_plain,
    unpack,
)
from core.training import verdict

FINISHED = Finished("done", 60, "", 20.0, 9.134, 0.456, 40, eval_rows=24)


@pytest.fixture
def german():
    language.use("de")
    yield
    language.use("en")


def test_a_sentence_is_its_english_text() -> None:
    sentence = say("{count:,} rows{rest}", count=1240, rest=say(", {share:.0%} left", share=0.5))
    assert sentence == "1,240 rows, 50% left" and isinstance(sentence, str)
    assert from_plain(json.loads(json.dumps(to_plain(sentence)))) == sentence


def test_an_error_keeps_its_sentence_also_in_another_sentence(german: None) -> None:
    error = BadOption(say("{low:.1f} to {high:.1f} GB", low=2.5, high=4))
    assert tr(str(error)) == "2,5 bis 4,0 GB"
    assert tr(str(pickle.loads(pickle.dumps(error)))) == "2,5 bis 4,0 GB"
    outer = say("{file}: {error}", file=Path("a.json"), error=error)
    assert outer == "a.json: 2.5 to 4.0 GB" and tr(outer) == "a.json: 2,5 bis 4,0 GB"


def test_a_joined_and_a_shortened_sentence_are_said_in_german(german: None) -> None:
    joined = join([say("{share:.0%} worse", share=0.5), say("is empty"), "a.txt"], ", ")
    assert joined == "50% worse, is empty, a.txt"
    assert tr(join(["a", say("is empty")], say(", or "))) == "a oder ist leer"
    assert tr(joined) == f"50\u00a0% schlechter, {tr('is empty')}, a.txt"
    short = shorten(say("But {fault}. Train for longer, or choose a model that knows this language.", fault="y" * 999))
    assert len(short) == 300 and " … " in short
    assert tr(short).startswith("Aber: yyy") and len(tr(short)) < 400
    warned = Warned("memory", short)
    read = from_json(to_json(warned))
    assert isinstance(read, Warned) and read.message == short and tr(read.message) == tr(short)


def test_sentences_inside_of_an_events_tables_and_of_an_older_runs_line(german: None) -> None:
    reason = say("only a Mac has one")
    resumed = Resumed(3, {"device": {"reason": reason, "others": [say("is empty"), "a.txt"]}})
    read = from_json(to_json(resumed))
    assert isinstance(read, Resumed) and read == resumed
    assert tr(read.changes["device"]["reason"]) == "nur ein Mac hat eine"
    assert [tr(text) for text in read.changes["device"]["others"]] == ["ist leer", "a.txt"]
    older = json.loads(to_json(Warned("x", say("is empty"))))
    older["said"] = {"message": older["said"]["is empty"]}  # by the name of the field
    again = from_json(json.dumps(older))
    assert isinstance(again, Warned) and tr(again.message) == "ist leer"


def test_a_capital_at_the_beginning_in_each_language(german: None) -> None:
    listed = capitalize(join_and([say("the model"), say("the dataset"), say("the teacher")]))
    assert listed == "The model, the dataset and the teacher"
    assert tr(listed) == "Das Modell, der Datensatz und der Lehrer"
    assert tr(from_plain(json.loads(json.dumps(to_plain(listed))))) == tr(listed)
    assert tr("x: " + say("is empty") + "!") == "x: ist leer!"


def test_braces_without_values_stay() -> None:
    assert say('{"prompt": …}') == '{"prompt": …}'
    assert from_plain(to_plain(say('{"prompt": …}'))) == '{"prompt": …}'


def test_a_verdict_is_said_in_german_also_when_it_is_read_again(german: None) -> None:
    finished = dataclasses.replace(FINISHED, message=verdict.verdict(Run(), FINISHED, {}))
    english = (
        "Better on unseen examples: 9.13 → 0.46. Best at step 40; later steps began to memorise, so step 40 was kept."
    )
    words = (
        "Besser bei ungesehenen Beispielen: 9,13 → 0,46. Am besten war Schritt 40; danach begann das Auswendiglernen, "
        "also wurde Schritt 40 behalten."
    )
    assert finished.message == english and tr(finished.message) == words
    read = from_json(to_json(finished))
    assert isinstance(read, Finished) and read == finished
    assert tr(read.message) == words
    assert json.loads(to_json(finished))["message"] == english  # for other programs


def test_the_words_of_a_method_too(german: None) -> None:
    metrics = {"metrics_before": {"accuracy": 0.5}, "metrics_after": {"accuracy": 0.9}}
    finished = dataclasses.replace(FINISHED, loss_before=0.69, loss_after=0.4, best_step=60, eval_rows=1200, **metrics)
    sentence = verdict.verdict(Run(method="dpo"), finished, {})
    assert tr(sentence) == (
        "Besser: Das Modell bewegt sich bei 50\u00a0% → 90\u00a0% von 1.200 ungesehenen Paaren zur besseren Antwort."
    )


@pytest.mark.parametrize("said", [{"message": 3}, {"message": ["{a}", {}]}, {"message": ["another", {}]}, {"x": []}])
def test_damaged_parts_leave_the_plain_text(said: dict[str, object]) -> None:
    line = json.loads(to_json(dataclasses.replace(FINISHED, message=say("Better."))))
    read = from_json(json.dumps(line | {"said": said}))
    assert isinstance(read, Finished) and read.message == "Better." and not isinstance(read.message, Sentence)


def test_a_value_that_json_cannot_hold(german: None) -> None:
    finished = dataclasses.replace(FINISHED, message=say("At {loss:.2f}.", loss=math.nan))
    read = from_json(to_json(finished))
    assert isinstance(read, Finished) and read.message == "At nan."


def test_a_sentence_among_the_values_of_a_text(german: None) -> None:
    words = say("{low:.1f} to {high:.1f} GB", low=2.5, high=4)
    assert tr("{words}", words=words) == "2,5 bis 4,0 GB"


def test_lines_stay_sentences(german: None) -> None:
    notes = join([join([say("is empty"), "a.txt"], "\n"), say("{share:.0%} worse", share=0.5)], "\n")
    lines = split_lines(notes)
    assert lines == ["is empty", "a.txt", "50% worse"]
    assert [tr(line) for line in lines] == ["ist leer", "a.txt", "50\u00a0% schlechter"]
    assert split_lines("a\n\nb") == ["a", "b"] and split_lines("") == []


def test_sentences_in_json(german: None) -> None:
    value = {"rows": 3, "said": "plain", "notes": [["a", say("is empty")], {"b": say("{share:.0%} worse", share=0.5)}]}
    read = unpack(json.loads(json.dumps(pack(value))))
    assert read == value and pack("plain") == "plain"
    assert (tr(read["notes"][0][1]), tr(read["notes"][1]["b"])) == ("ist leer", "50\u00a0% schlechter")


@pytest.mark.parametrize("said", [3, ["{a}", {"b": 1}], ["{a.b}", {"a": 1}], ["{", {"a": 1}], ["a"], [3, {}]])
def test_what_is_no_sentence_in_json_is_refused(said: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        unpack([{"said": said}])
