"""The draft saves itself, comes back, and loses nothing on the way."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.new_run.draft import Draft, draft_file
from app.runs.labels import data_label, model_label
from core.errors import BadOption
from core.run import Run


def test_a_draft_comes_back(qtbot: QtBot) -> None:
    draft = Draft()
    draft.set("adapter.rank", 48)
    draft.set("data.path", "rows.jsonl")
    draft.save()
    assert Draft().run == Run().replace("adapter.rank", 48).replace("data.path", "rows.jsonl")


def test_it_saves_by_itself(qtbot: QtBot) -> None:
    draft = Draft()
    draft.set("train.seed", 7)
    qtbot.waitUntil(draft_file().exists, timeout=3000)
    assert "seed = 7" in draft_file().read_text()


def test_a_draft_may_contradict_itself_and_still_comes_back(qtbot: QtBot) -> None:
    draft = Draft()
    draft.set("train.steps", 5)
    draft.set("train.epochs", 2.0)
    assert draft.problem() == "Give either steps or epochs, not both."
    draft.save()
    assert Draft().run == draft.run


def test_a_methods_options_may_contradict_each_other_on_the_way(qtbot: QtBot) -> None:
    draft = Draft()
    draft.set("method", "dpo")
    draft.set("options.label_smoothing", 0.2)
    draft.set("options.loss_type", "hinge")
    assert "label_smoothing does nothing with hinge" in draft.problem()
    draft.save()
    assert Draft().run == draft.run
    draft.set("options.loss_type", "robust")
    assert draft.problem() == ""
    with pytest.raises(BadOption):
        draft.set("options.no_such", 1)


@pytest.mark.parametrize("text", ["method = 3", "no toml", '[train]\nseed = "x"', 'method = "unknown"'])
def test_a_broken_draft_is_a_fresh_one(qtbot: QtBot, text: str) -> None:
    draft_file().parent.mkdir(parents=True)
    draft_file().write_text(text)
    assert Draft().run == Run()


def test_a_bad_value_changes_nothing(qtbot: QtBot) -> None:
    draft = Draft()
    with pytest.raises(BadOption, match="at least 1"):
        draft.set("adapter.rank", 0)
    assert draft.run == Run()


def test_only_real_changes_are_told(qtbot: QtBot) -> None:
    draft = Draft()
    keys: list[str] = []
    draft.changed.connect(keys.append)
    draft.set("train.seed", 42)
    draft.set("train.seed", 43)
    draft.take(Run())
    assert keys == ["train.seed", ""]


def test_names_for_people(tmp_path: Path) -> None:
    run = Run().replace("data.path", str(tmp_path / "mine.jsonl")).replace("model.path", str(tmp_path / "Qwen"))
    assert (data_label(run), model_label(run)) == ("mine.jsonl", "Qwen")
    assert (data_label(Run()), model_label(Run())) == ("Sample data", "Starter model")
    assert model_label(Run().replace("model.path", "Qwen/Qwen3-0.6B")) == "Qwen/Qwen3-0.6B"


def test_what_was_said_of_one_file_does_not_reach_the_next(qtbot: QtBot) -> None:
    draft = Draft()
    draft.set("data.path", "one.jsonl")
    draft.set("data.exclude", ("placeholder", "row:3"))
    draft.set("data.columns", ("prompt=a", "completion=b"))
    draft.set("data.fill_in", ("name=Hone",))
    draft.set("data.max_seq_len", 512)
    draft.set("data.path", "one.jsonl")
    assert draft.run.data.exclude == ("placeholder", "row:3")
    draft.set("data.path", "two.jsonl")
    data = draft.run.data
    assert (data.exclude, data.columns, data.fill_in, data.max_seq_len) == ((), (), (), 512)
