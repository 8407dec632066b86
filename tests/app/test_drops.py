"""What a dropped file means, and that dropping it anywhere does it."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QFileOpenEvent
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from app.application import Application
from app.drops import meaning
from app.window import MainWindow
from core.run import Run


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "A.TSV", "a.txt", "a.parquet", "a.jsonl.gz"])
def test_data_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert meaning(tmp_path / name).kind == "data"
    assert name in meaning(tmp_path / name).sentence


def test_everything_else(tmp_path: Path) -> None:
    for name in ("picture.png", "run.toml", "model/config.json", "old/run.toml", "rows/train.jsonl", "empty/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    kinds = {
        p: meaning(tmp_path / p).kind for p in ("picture.png", "run.toml", "model", "old", "rows", "empty", "gone")
    }
    assert kinds == {
        "picture.png": "",
        "run.toml": "settings",
        "model": "model",
        "old": "run",
        "rows": "data",
        "empty": "",
        "gone": "",
    }
    assert "picture.png" in meaning(tmp_path / "picture.png").sentence


def test_dragging_says_what_dropping_does(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    drag(window, dataset)
    assert window.overlay.isVisible()
    assert window.overlay.accessibleName() == "Learn from “mine.jsonl”"
    drop(window, dataset)
    assert not window.overlay.isVisible()
    qtbot.waitUntil(lambda: window.draft.run.data.path == str(dataset))
    assert window.wizard.stack.currentWidget() is window.wizard.data
    qtbot.waitUntil(lambda: window.wizard.data.scanned is not None)
    assert "60 rows" in window.wizard.data.sentence.text()


def test_what_cannot_be_used_is_refused_with_the_reason(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.touch()
    before = window.draft.run
    drag(window, picture)
    assert "picture.png" in window.overlay.accessibleName()
    drop(window, picture)
    qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox)))
    (box,) = window.findChildren(QMessageBox)
    assert "none of these" in box.informativeText()
    box.close()
    assert window.draft.run == before


def test_settings_and_models_can_be_dropped(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    Run().replace("adapter.rank", 4).write(tmp_path / "run.toml")
    drop(window, tmp_path / "run.toml")
    qtbot.waitUntil(lambda: window.draft.run.adapter.rank == 4)
    model = tmp_path / "Some-Model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"model_type": "qwen3"}))
    drop(window, model)
    qtbot.waitUntil(lambda: window.draft.run.model.path == str(model))
    page = window.wizard.model
    qtbot.waitUntil(lambda: not page.notice.isHidden())
    assert "model.safetensors" in page.notice.sentence.text()
    assert "model.safetensors" in page.blocked()


def test_files_from_the_system_wait_for_the_window(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    assert isinstance(qapp, Application)
    got: list[list[Path]] = []
    qapp._open = None
    for name in ("one.jsonl", "two.jsonl"):
        QApplication.sendEvent(qapp, QFileOpenEvent(QUrl.fromLocalFile(str(tmp_path / name))))
    qtbot.wait(250)
    assert got == []
    qapp.deliver_to(got.append)
    assert got == [[tmp_path / "one.jsonl", tmp_path / "two.jsonl"]]


def mime(path: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


def drag(window: MainWindow, path: Path) -> None:
    data = mime(path)
    event = QDragEnterEvent(
        QPoint(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(window, event)
    assert event.isAccepted()


def drop(window: MainWindow, path: Path) -> None:
    drag(window, path)  # Qt brings a drop to where the drag came in
    data = mime(path)
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        QEvent.Type.Drop,
    )
    QApplication.sendEvent(window, event)
