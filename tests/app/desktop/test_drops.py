"""What a dropped file means, and that dropping it anywhere does it."""

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QFileOpenEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop.drops import classify_path, describe_drop
from app.shell.application import Application
from app.shell.window import MainWindow
from app.widgets.message_box import MessageBox
from core.run import Run

PLACE = QPoint(50, 50)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "A.TSV", "a.txt", "a.parquet", "a.jsonl.gz"])
def test_data_files(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert classify_path(tmp_path / name).kind == "data"
    assert name in classify_path(tmp_path / name).sentence


def test_everything_else(tmp_path: Path) -> None:
    for name in ("picture.png", "run.toml", "model/config.json", "old/run.toml", "rows/train.jsonl", "empty/x.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    kinds = {
        p: classify_path(tmp_path / p).kind
        for p in ("picture.png", "run.toml", "model", "old", "rows", "empty", "gone")
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
    assert "picture.png" in classify_path(tmp_path / "picture.png").sentence


def test_adapters_and_other_formats_are_named(tmp_path: Path) -> None:
    (tmp_path / "adapter").mkdir()
    for name in ("adapter/adapter_config.json", "adapter/README.md", "rows.xlsx"):
        (tmp_path / name).touch()
    adapter, sheet = (classify_path(tmp_path / name) for name in ("adapter", "rows.xlsx"))
    assert (adapter.kind, sheet.kind) == ("adapter", "")
    assert adapter.sentence == "Talk to the adapter “adapter”"
    assert sheet.sentence == "“rows.xlsx” is a workbook, not a data file: save its sheet as CSV."


def test_dragging_says_what_dropping_does(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    drag(window, dataset)
    assert window.overlay.isVisible()
    assert window.overlay.accessibleName() == "Learn from “mine.jsonl”"
    drop(window, dataset)
    assert not window.overlay.isVisible()
    qtbot.waitUntil(lambda: window.draft.run.data.path == str(dataset))
    assert window.wizard.stack.currentWidget() is window.wizard.data
    qtbot.waitUntil(lambda: window.wizard.data.scanned is not None)
    assert "60 rows" in window.wizard.data.file.sentence.text()


def test_what_cannot_be_used_is_refused_with_the_reason(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.touch()
    old_run = window.draft.run
    drag(window, picture)
    assert "picture.png" in window.overlay.accessibleName()
    drop(window, picture)
    qtbot.waitUntil(lambda: bool(window.findChildren(MessageBox)))
    (box,) = window.findChildren(MessageBox)
    assert "none of these" in box.sentence.text()
    box.close()
    assert window.draft.run == old_run


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
    assert "model.safetensors" in page.blocked_reason()


def test_files_from_the_system_wait_for_the_window(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> None:
    assert isinstance(qapp, Application)
    deliveries: list[list[Path]] = []
    qapp._open = None
    for name in ("one.jsonl", "two.jsonl"):
        QApplication.sendEvent(qapp, QFileOpenEvent(QUrl.fromLocalFile(str(tmp_path / name))))
    qtbot.wait(250)
    assert deliveries == []
    qapp.deliver_files_to(deliveries.append)
    assert deliveries == [[tmp_path / "one.jsonl", tmp_path / "two.jsonl"]]


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


def drop(window: MainWindow, path: Path, place: QPoint = PLACE) -> None:
    drag(window, path)  # Qt brings a drop to where the drag came in
    data = mime(path)
    event = QDropEvent(
        QPointF(place),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
        QEvent.Type.Drop,
    )
    QApplication.sendEvent(window, event)


def test_several_files_are_one_dataset_and_their_names_part_them(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("train-1.jsonl", "train-2.jsonl", "valid.jsonl")]
    for n, file in enumerate(files):
        file.write_text(f'{{"prompt": "a{n}", "completion": "b"}}\n')
    assert describe_drop(files).sentence == "Learn from 2 files, measure on “valid.jsonl”"
    assert describe_drop(files[:2]).sentence == "Learn from these 2 files"
    window.open_files(files)
    data = window.draft.run.data
    assert (data.path, data.eval_path) == (f"{files[0]}\n{files[1]}", str(files[2]))
    page = window.wizard.data
    qtbot.waitUntil(lambda: page.scanned is not None and page.scanned.usable == 2)
    assert page.file.name.text() == "train-1.jsonl and 1 more"
    assert page.preview.rows.model.rowCount() == 2


def test_the_lower_half_takes_validation_data(qtbot: QtBot, window: MainWindow, dataset: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.jsonl"
    second.write_text('{"prompt": "a", "completion": "b"}\n')
    drag(window, second)
    assert window.overlay._second_sentence == ""  # there is nothing yet to measure for
    window.open_files([dataset])
    drop(window, second, QPoint(300, window.height() - 60))
    qtbot.waitUntil(lambda: window.draft.run.data.eval_path == str(second))
    assert window.draft.run.data.path == str(dataset)
    assert window.wizard.data.validation.sentence.text() == "Measured on second.jsonl, never trained on."


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ('{"prompt": "a", "completion": "b"}\n{"prompt": "c", "completion": "d"}', ".jsonl"),
        ('[{"prompt": "a", "completion": "b"}]', ".json"),
        ('{\n"prompt": "a",\n"completion": "b"}', ".json"),
        ("question\tanswer\nWhat?\tThat.", ".tsv"),
        ("question,answer\nWhat?,That.", ".csv"),
        ("A paragraph of plain text, which is long enough to be meant.", ".txt"),
    ],
)
def test_rows_copied_as_text_become_a_file_of_ones_own(
    qtbot: QtBot, window: MainWindow, text: str, ending: str
) -> None:
    QApplication.clipboard().setText(text)
    window.menus._paste()
    path = Path(window.draft.run.data.path)
    assert path.suffix == ending
    assert path.read_text(encoding="utf-8").strip() == text
    page = window.wizard.data
    qtbot.waitUntil(lambda: page.scanned is not None and page.scanned.usable > 0)


def test_paths_ids_and_junk_are_pasted(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    clipboard = QApplication.clipboard()
    for text in (str(dataset), dataset.as_uri(), f'"{dataset}"'):
        window.draft.set("data.path", "demo")
        clipboard.setText(text)
        window.paste()
        assert window.draft.run.data.path == str(dataset)
    data = mime(dataset)
    window.draft.set("data.path", "demo")
    clipboard.setMimeData(data)
    window.paste()
    assert window.draft.run.data.path == str(dataset)
    old_run = window.draft.run
    clipboard.setText("no data")
    window.paste()
    (box,) = window.findChildren(MessageBox)
    assert "rows as text" in box.sentence.text()
    box.close()
    assert window.draft.run == old_run


def test_pasting_into_a_field_stays_in_the_field(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    window.wizard.show_named("data")
    window.activateWindow()
    search = window.wizard.data.preview.rows.search
    search.setFocus()
    qtbot.waitUntil(search.hasFocus)
    QApplication.clipboard().setText(str(dataset))
    window.menus._paste()
    assert search.text() == str(dataset)
    assert window.draft.run.data.path == "demo"
