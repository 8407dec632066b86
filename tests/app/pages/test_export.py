"""The list "Use it": each place in each state, one export at a time."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.desktop import preferences, reveal
from app.pages.export import BUSY, NOT_ALLOWED, ONE_AT_A_TIME, ExportList
from app.pages.export_texts import PLACES
from app.pages.hub_sheet import HubSheet
from app.runs.job_queue import JobQueue
from app.threads import export_calls
from app.threads.export_calls import Command, ExportChoice, ExportForm, ExportJob, ExportSource
from app.widgets import allow_code
from core import trust
from core.errors import BadOption
from core.events import Event, Phase, Saved, Warned

REFUSAL = "All of its weights were trained, so there is no adapter."
FORMS = {"model": ("none", "affine-4"), "gguf": ("f16", "q8_0", "q4_k_m"), "ollama": ("f16",), "lmstudio": ("none",),
         "hub": ("adapter", "model")}  # fmt: skip


def source(base: str = "") -> ExportSource:
    refused = {"q4_k_m": "llama-quantize is not here."}
    choices = [
        ExportChoice(
            name,
            f"The title of {name}",
            f"The sentence of {name}.",
            tuple(ExportForm(form, refused.get(form, "")) for form in FORMS.get(name, ())),
            REFUSAL if name == "peft" else "",
            "my-run",
        )
        for name in PLACES
    ]
    return ExportSource(base, tuple(choices))


def show(qtbot: QtBot, jobs: JobQueue, folder: Path) -> ExportList:
    card = ExportList(jobs)
    qtbot.addWidget(card)
    card.use(folder, "cpu")
    card.show()
    qtbot.waitUntil(lambda: bool(card.rows))
    return card


@pytest.fixture
def card(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExportList:
    monkeypatch.setattr(export_calls, "inspect_source", lambda folder: source())
    return show(qtbot, JobQueue(), tmp_path / "my run")


def play(monkeypatch: pytest.MonkeyPatch, *events: Event | Command) -> list[ExportJob]:
    """Have these events in the place of a real export; returns the jobs that are asked for."""
    jobs: list[ExportJob] = []

    def export(job: ExportJob) -> Iterator[Event | Command]:
        jobs.append(job)
        yield from events

    monkeypatch.setattr(export_calls, "export", export)
    return jobs


def choose_path(monkeypatch: pytest.MonkeyPatch, path: Path | str) -> list[str]:
    """Answer the question for a new file or folder; returns what it started with."""
    asked: list[str] = []

    def answer(parent: object, title: str, start: str, **_: object) -> tuple[str, str]:
        asked.append(start)
        return str(path), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    return asked


def test_each_place_has_its_words_forms_and_button(card: ExportList) -> None:
    assert list(card.rows) == list(PLACES)
    for name, row in card.rows.items():
        assert row.title.text() == f"The title of {name}" and row.sentence.text() == f"The sentence of {name}."
        assert row.button.isVisible() and not row.stop.isVisible() and not row.bar.isVisible()
        assert row.form.isVisible() == (len(FORMS.get(name, ())) > 1)
    assert [card.rows["hub"].form.itemText(i) for i in range(2)] == ["The adapter alone", "The whole model"]
    labels = [card.rows["gguf"].form.itemText(i) for i in range(3)]
    assert labels == ["16 bit f16", "8 bit q8_0", "4 bit q4_k_m"]
    assert card.rows["model"].form.itemText(1) == "4 bit affine"
    assert [card.rows[name].button.text() for name in ("ollama", "lmstudio")] == [
        "Send to Ollama…",
        "Put into LM Studio",
    ]


def test_buttons_stand_in_a_column(qtbot: QtBot, card: ExportList) -> None:
    rows = [*card.rows.values(), card.server]

    def is_aligned() -> bool:
        forms = {(row.form.x(), row.form.geometry().right()) for row in rows if row.form.isVisible()}
        return len({row.button.width() for row in rows}) == len(forms) == 1

    qtbot.waitUntil(is_aligned)  # the rows are laid out one after the other


def test_what_cannot_be_made_says_why_before_it_begins(card: ExportList) -> None:
    row = card.rows["peft"]
    assert row.result.isVisible() and row.result.text() == f"Not possible: {REFUSAL}"
    assert not row.button.isEnabled() and row.button.toolTip() == REFUSAL
    assert card.rows["gguf"].button.isEnabled() and not card.rows["gguf"].result.isVisible()
    forms = card.rows["gguf"].form.model()
    enabled = [bool(forms.flags(forms.index(i, 0)).value & 32) for i in range(3)]  # Qt.ItemIsEnabled
    assert enabled == [True, True, False]


def test_a_model_is_written_checked_and_offered_for_training(
    qtbot: QtBot, card: ExportList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, shown = tmp_path / "out", []
    jobs = play(
        monkeypatch, Phase("Saving", fraction=0.5), Warned("checked", "Its logits agree."),
        Warned("layout", "Other names."), Saved(0, str(out), "model"),
    )  # fmt: skip
    asked = choose_path(monkeypatch, out)
    monkeypatch.setattr(reveal, "reveal", shown.append)
    row = card.rows["model"]
    row.form.setCurrentIndex(1)
    row.button.click()
    assert row.stop.isVisible() and not row.button.isVisible() and row.phase.text() == "Getting ready"
    assert not card.rows["gguf"].button.isEnabled() and card.rows["gguf"].button.toolTip() == ONE_AT_A_TIME
    qtbot.waitUntil(row.result.isVisible)
    assert jobs == [ExportJob(tmp_path / "my run", "model", str(out), "affine-4", "cpu")]
    assert Path(asked[0]).name == "my run-affine-4"
    assert row.result.text() == "Saved as out. Its logits agree." and row.notes.text() == "Other names."
    assert row.reveal.isVisible() and not row.command.isVisible() and not row.copy.isVisible()
    row.reveal.click()
    assert shown == [out] and preferences.model_folders()[0] == str(out)
    qtbot.waitUntil(card.rows["gguf"].button.isEnabled)
    assert not card.rows["peft"].button.isEnabled()


def test_the_focus_stays_in_the_row_that_is_written(
    qtbot: QtBot, card: ExportList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, Saved(0, str(tmp_path / "out"), "model"))
    choose_path(monkeypatch, tmp_path / "out")
    row = card.rows["model"]
    card.activateWindow()
    qtbot.waitUntil(card.isActiveWindow)
    row.button.setFocus()
    row.button.click()
    assert row.stop.hasFocus()
    qtbot.waitUntil(row.result.isVisible)
    assert row.button.hasFocus()
    qtbot.waitUntil(card.rows["gguf"].button.isEnabled)
    assert row.button.hasFocus()


def test_a_file_is_no_model_to_train(
    qtbot: QtBot, card: ExportList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = choose_path(monkeypatch, tmp_path / "m")  # the ending is not typed, and there would be a folder "m"
    jobs = play(monkeypatch, Saved(0, str(tmp_path / "m.gguf"), "model"))
    card.rows["gguf"].button.click()
    qtbot.waitUntil(card.rows["gguf"].result.isVisible)
    assert [job.output for job in jobs] == [str(tmp_path / "m.gguf")]
    assert Path(asked[0]).name == "my run-f16.gguf" and str(tmp_path / "m.gguf") not in preferences.model_folders()


def test_choosing_no_place_begins_nothing(card: ExportList, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = play(monkeypatch)
    choose_path(monkeypatch, "")
    card.rows["gguf"].button.click()
    assert card._jobs.export is None and not jobs


def test_lm_studio_has_a_place_of_its_own(
    qtbot: QtBot, card: ExportList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = play(monkeypatch, Saved(0, str(tmp_path / "hone" / "my-run"), "model"))
    card.rows["lmstudio"].button.click()
    qtbot.waitUntil(card.rows["lmstudio"].result.isVisible)
    assert [(job.target, job.output) for job in jobs] == [("lmstudio", "")]


def test_where_ollama_is_missing_the_command_can_be_copied(
    qtbot: QtBot, card: ExportList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "ollama create x -f /there/Modelfile"
    missing = Warned("ollama-missing", f"Ollama is not on this computer. Where it is: {text}")
    play(monkeypatch, missing, Saved(0, str(tmp_path / "x"), "model"), Command(text))
    card.save(ExportJob(tmp_path, "ollama", str(tmp_path / "x")))
    row = card.rows["ollama"]
    qtbot.waitUntil(row.command.isVisible)
    assert row.command.text() == text
    assert row.notes.text() == "Ollama is not on this computer. There, this command makes the model:"
    row.copy.click()
    assert QGuiApplication.clipboard().text() == text


def test_what_fails_says_why(qtbot: QtBot, card: ExportList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(job: ExportJob) -> Iterator[Event]:
        raise BadOption("It already exists; choose a new folder.")
        yield

    monkeypatch.setattr(export_calls, "export", fail)
    card.save(ExportJob(tmp_path, "model", str(tmp_path)))
    row = card.rows["model"]
    qtbot.waitUntil(row.result.isVisible)
    assert row.result.text() == "It already exists; choose a new folder."
    qtbot.waitUntil(row.button.isEnabled, timeout=30_000)  # once its thread has ended
    assert row.button.isVisible() and not row.reveal.isVisible()


def test_stopping_ends_it_and_frees_the_others(
    qtbot: QtBot, card: ExportList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_over: list[bool] = []

    def export(job: ExportJob) -> Iterator[Event]:
        try:
            while True:
                yield Phase("Saving", fraction=0.25)
        finally:
            is_over.append(True)

    monkeypatch.setattr(export_calls, "export", export)
    card.save(ExportJob(tmp_path, "model", str(tmp_path / "out")))
    row = card.rows["model"]
    qtbot.waitUntil(lambda: row.phase.text() == "Saving")
    assert row.bar.value() == 250
    row.stop.click()
    assert row.phase.text() == "Stopping" and not row.stop.isEnabled()
    qtbot.waitUntil(row.button.isVisible)
    assert is_over == [True] and row.button.isEnabled() and not row.result.isVisible()


def test_one_at_a_time_also_on_another_page(
    qtbot: QtBot, card: ExportList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = show(qtbot, card._jobs, tmp_path / "other")

    def export(job: ExportJob) -> Iterator[Event]:
        while True:
            yield Phase("Saving")

    monkeypatch.setattr(export_calls, "export", export)
    card.save(ExportJob(tmp_path, "gguf", str(tmp_path / "x.gguf")))
    assert not other.rows["model"].button.isEnabled() and other.reason.text() == ONE_AT_A_TIME
    assert other.reason.isVisible() and not card.reason.isVisible()
    other.save(ExportJob(tmp_path, "model", str(tmp_path / "y")))
    assert other.rows["model"].result.text() == ONE_AT_A_TIME
    card.rows["gguf"].stop.click()
    qtbot.waitUntil(other.rows["model"].button.isEnabled)
    assert not other.reason.isVisible()


def test_a_run_in_training_goes_first(card: ExportList, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not card.reason.isVisible()
    monkeypatch.setattr(card._jobs, "current", object())
    card._jobs.current_changed.emit()
    assert card.reason.isVisible() and card.reason.text() == BUSY
    assert not any(row.button.isEnabled() for row in card.rows.values())
    card.save(ExportJob(tmp_path, "model", str(tmp_path / "out")))
    assert card.rows["model"].result.text() == BUSY
    monkeypatch.setattr(card._jobs, "current", None)
    card._jobs.current_changed.emit()
    assert card.rows["model"].button.isEnabled() and not card.reason.isVisible()


def test_changed_code_of_the_model_is_asked_about(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3", "model_file": "own.py"}))
    (tmp_path / "own.py").write_text("x = 1")
    monkeypatch.setattr(export_calls, "inspect_source", lambda folder: source(str(tmp_path)))
    asked: list[trust.Code] = []
    monkeypatch.setattr(allow_code, "confirm", lambda parent, code, answered: answered(bool(asked.append(code))))
    jobs = play(monkeypatch)
    card = show(qtbot, JobQueue(), tmp_path / "run")
    card.save(ExportJob(tmp_path / "run", "model", str(tmp_path / "out")))
    assert [code.is_model for code in asked] == [True] and not jobs
    assert card.rows["model"].result.text() == NOT_ALLOWED and card.rows["model"].button.isEnabled()


def test_the_hub_is_private_unless_asked_otherwise(
    qtbot: QtBot, card: ExportList, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "https://hub.example/me/my-run"
    asked = play(monkeypatch, Phase("Uploading", "", 0.5), Saved(0, address, "adapter"))
    for public in (False, True):
        card.choose("hub")
        sheet = card.findChild(HubSheet)
        assert not sheet.upload.isEnabled() and not any(
            box.isChecked() for box in (sheet.public, sheet.name_data, sheet.overwrite)
        )
        for text, fits in (("my-run", False), ("me/", False), ("me/a/b", False), (" me/my-run ", True)):
            sheet.name.setText(text)
            assert sheet.upload.isEnabled() == fits
        sheet.public.setChecked(public)
        sheet.name_data.setChecked(public)
        sheet.accept()
        qtbot.waitUntil(lambda: not card.is_busy)
        qtbot.waitUntil(lambda: card.findChild(HubSheet) is None)
    assert [(j.output, j.form, j.public, j.name_data, j.overwrite) for j in asked] == [
        ("me/my-run", "adapter", False, False, False),
        ("me/my-run", "adapter", True, True, False),
    ]
    row = card.rows["hub"]
    assert row.command.text() == address and row.copy.isVisible() and not row.reveal.isVisible()


def test_a_row_stays_in_its_columns_in_each_of_its_states(card: ExportList, qtbot: QtBot) -> None:
    row, other = card.rows["gguf"], card.rows["model"]
    card.resize(680, 900)
    qtbot.waitUntil(lambda: row.form.x() == other.form.x() > 0)
    row.show_running("Writing GGUF", 0.4)
    qtbot.waitUntil(lambda: row.stop.x() == other.button.x() and row.form.x() == other.form.x())
    row.show_done(Path("/a/name.gguf"), "Loaded again.", "Ollama is not here.", "ollama create " + "a/long/path/" * 20)
    assert row.reveal.isVisible() and row.copy.isVisible()
    qtbot.waitUntil(lambda: row.form.x() == other.form.x() and row.button.x() == other.button.x())


def test_a_folder_that_is_no_longer_shown_says_nothing(qtbot: QtBot, card: ExportList, tmp_path: Path) -> None:
    words = card.intro.text()
    card._show_unusable(tmp_path / "another", "It holds no adapter.")
    assert card.intro.text() == words
    card._show_unusable(card._folder, "It holds no adapter.")
    assert card.intro.text() == "It holds no adapter."
