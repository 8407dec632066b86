"""Saving what was trained as a model, from the done screen."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.pages.export import BUSY, PEFT, ExportCard
from app.runs.job_queue import JobQueue
from app.threads import core_calls
from app.widgets import allow_code
from core import trust
from core.errors import BadOption
from core.events import Event, Phase, Saved, Warned
from core.run import Run


@pytest.fixture
def card(qtbot: QtBot, tmp_path: Path) -> ExportCard:
    card = ExportCard(JobQueue())
    qtbot.addWidget(card)
    card.use(Run().replace("output", str(tmp_path / "run")), tmp_path / "run")
    card.show()
    return card


def test_a_model_is_written_and_what_was_checked_is_told(
    qtbot: QtBot, card: ExportCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[object, ...]] = []

    def save_model(*arguments: object) -> Iterator[Event]:
        calls.append(arguments)
        yield Phase("Loading model")
        yield Phase("Saving")
        yield Warned("checked", "Its logits agree.")
        yield Saved(0, str(tmp_path / "out"), "model")

    monkeypatch.setattr(core_calls, "save_model", save_model)
    card.kind.setCurrentIndex(card.kind.findData("affine-4"))
    assert "measured again" in card.description.text()
    card.save(tmp_path / "out")
    assert not card.button.isEnabled() and card.stop.isVisible()
    qtbot.waitUntil(card.button.isEnabled)
    assert calls == [(tmp_path / "run", tmp_path / "out", "affine-4", "auto")]
    assert card.notice.sentence.text() == "Saved as out."
    assert card.notice.advice.text() == "Its logits agree."
    assert card.reveal.isVisible()


def test_changed_code_of_the_model_is_asked_about(
    card: ExportCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3", "model_file": "own.py"}))
    (tmp_path / "own.py").write_text("x = 1")
    run = Run(method="grpo").replace("model.path", str(tmp_path)).replace("model.allow_code", True)
    card.use(run.replace("options.reward_file", str(tmp_path / "own.py")), tmp_path / "run")
    asked: list[trust.Code] = []
    monkeypatch.setattr(allow_code, "confirm", lambda parent, code: bool(asked.append(code)))
    monkeypatch.setattr(core_calls, "save_model", lambda *_: pytest.fail("it was not allowed"))
    card.save(tmp_path / "out")
    assert [code.is_model for code in asked] == [True]
    assert card.notice.sentence.text() == "The model's own code has not been allowed to run."
    assert card.button.isEnabled()


def test_what_cannot_be_saved_is_said(
    qtbot: QtBot, card: ExportCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> Iterator[Event]:
        raise BadOption("It already exists; choose a new folder.")
        yield

    monkeypatch.setattr(core_calls, "save_for_peft", fail)
    card.kind.setCurrentIndex(card.kind.findData(PEFT))
    card.save(tmp_path / "out")
    qtbot.waitUntil(card.notice.isVisible)
    assert card.notice.sentence.text() == "It already exists; choose a new folder."
    assert card.button.isEnabled() and not card.reveal.isVisible()


def test_stopping_leaves_nothing(
    qtbot: QtBot, card: ExportCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over: list[bool] = []

    def save_forever(*arguments: object) -> Iterator[Event]:
        try:
            while True:
                yield Phase("Saving")
        finally:
            is_over.append(True)

    monkeypatch.setattr(core_calls, "save_model", save_forever)
    card.save(tmp_path / "out")
    qtbot.waitUntil(lambda: card.phase.text() == "Saving")
    card.stop.click()
    qtbot.waitUntil(lambda: is_over == [True])
    assert card.button.isEnabled() and not card.notice.isVisible()


def test_a_run_under_way_goes_first(card: ExportCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card._jobs, "current", object())
    card.save(tmp_path / "out")
    assert card.notice.sentence.text() == BUSY
    monkeypatch.setattr(card._jobs, "current", None)


def test_saving_waits_for_a_run_and_says_so(card: ExportCard, monkeypatch: pytest.MonkeyPatch) -> None:
    assert card.button.isEnabled() and not card.reason.isVisible()
    monkeypatch.setattr(card._jobs, "current", object())
    card._jobs.current_changed.emit()
    assert not card.button.isEnabled()
    assert card.reason.isVisible() and card.reason.text() == BUSY
    monkeypatch.setattr(card._jobs, "current", None)
    card._jobs.current_changed.emit()
    assert card.button.isEnabled() and not card.reason.isVisible()


def test_after_full_training_there_is_no_add_on_to_save(qtbot: QtBot, tmp_path: Path) -> None:
    card = ExportCard(JobQueue())
    qtbot.addWidget(card)
    card.use(Run().replace("adapter.type", "full"), tmp_path)
    assert card.kind.findData(PEFT) < 0
