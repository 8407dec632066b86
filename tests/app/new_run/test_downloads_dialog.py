"""Downloaded models: listed with their size, into the Trash and back; one that a run needs stays."""

from pathlib import Path

import pytest
from huggingface_hub import constants
from pytestqt.qtbot import QtBot

from app.new_run.downloads_dialog import IN_USE, DownloadsDialog
from app.new_run.model_check import models_of
from app.runs import deletion
from app.shell.window import MainWindow
from core.run import Run


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    for name, size in (
        ("models--maker--small", 3 << 20),
        ("models--maker--large", 9 << 20),
        ("datasets--a--b", 1 << 20),
    ):
        (cache / name / "blobs").mkdir(parents=True)
        (cache / name / "blobs" / "abc").write_bytes(b"\0" * size)
        (cache / name / "snapshots" / "1").mkdir(parents=True)
        (cache / name / "snapshots" / "1" / "model.safetensors").symlink_to("../../blobs/abc")  # counted once
    return cache


@pytest.fixture
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def move(path: Path) -> Path:
        (tmp_path / "trash").mkdir(exist_ok=True)
        return path.rename(tmp_path / "trash" / path.name)

    monkeypatch.setattr(deletion, "move_to_trash", move)
    return tmp_path / "trash"


def show(qtbot: QtBot, in_use: set[str]) -> DownloadsDialog:
    dialog = DownloadsDialog(None, in_use)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(lambda: bool(dialog.rows))
    return dialog


def test_a_model_goes_to_the_trash_and_back(qtbot: QtBot, cache: Path, trash: Path) -> None:
    dialog = show(qtbot, set())
    assert [row.download.name for row in dialog.rows] == ["maker/large", "maker/small"]
    assert dialog.summary.text().startswith("12 MB in the cache")
    row = dialog.rows[1]
    assert row.sentence.text() == "3 MB on the disk"
    with qtbot.waitSignal(dialog.changed):
        row.delete_button.click()
    assert not (cache / "models--maker--small").exists() and (trash / "models--maker--small").is_dir()
    assert row.sentence.text() == "In the Trash. 3 MB are free once that is emptied."
    with qtbot.waitSignal(dialog.changed):
        row.undo_button.click()
    assert (cache / "models--maker--small" / "blobs" / "abc").is_file()
    assert not row.delete_button.isHidden() and row.undo_button.isHidden()


def test_what_a_run_needs_stays(qtbot: QtBot, cache: Path) -> None:
    in_use = models_of(
        Run(method="distill").replace("model.path", "maker/small").replace("options.teacher", "maker/large")
    )
    assert in_use == {"maker/small", "maker/large"}
    dialog = show(qtbot, in_use)
    assert [(row.sentence.text(), row.delete_button.isEnabled()) for row in dialog.rows] == [(IN_USE, False)] * 2


def test_without_a_trash_nothing_is_deleted(qtbot: QtBot, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> Path:
        raise OSError(None, "there is none", str(path))

    monkeypatch.setattr(deletion, "move_to_trash", refuse)
    dialog = show(qtbot, set())
    row = dialog.rows[0]
    row.delete_button.click()
    assert "could not be moved to the Trash: there is none." in row.sentence.text()
    assert (cache / "models--maker--large").is_dir() and not row.delete_button.isHidden()


def test_the_model_step_leads_there(qtbot: QtBot, window: MainWindow, cache: Path, trash: Path) -> None:
    window.wizard.show_named("model")
    dialog = window.wizard.model.show_downloads()
    qtbot.waitUntil(lambda: len(dialog.rows) == 2)
    dialog.rows[0].delete_button.click()
    assert next(iter(window.wizard.model.cards.cards)) == "starter"
    dialog.close_button.click()
