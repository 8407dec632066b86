"""What the step of the data tells by itself: the columns that were found, and a model that is not here."""

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.shell.window import MainWindow


@pytest.mark.parametrize(
    ("row", "chosen"),
    [
        ({"prompt": "Hi", "completion": "Yes"}, {"prompt", "completion"}),
        ({"instruction": "Hi", "input": "so", "output": "Yes"}, {"instruction", "input", "output"}),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, {"messages"}),
        ({"question": "Hi", "answer": "Yes", "id": 3}, {"question", "answer"}),
    ],
)
def test_map_columns_opens_with_what_was_detected(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, row: dict[str, object], chosen: set[str]
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for _ in range(8)))
    window.go("new")
    window.draft.set("data.path", str(path))
    window.wizard.show_named("data")
    data = window.wizard.data
    qtbot.waitUntil(lambda: data.scanned is not None, timeout=20_000)
    data.file.change.click()
    shown = {menu.currentText() for menu in data.columns.menus.values() if menu.isVisible()} - {"–", ""}
    assert shown == chosen


def test_lengths_say_that_the_model_is_not_here(qtbot: QtBot, window: MainWindow, dataset: Path) -> None:
    window.draft.set("model.path", "someone/some-model")
    window.draft.set("data.path", str(dataset))
    window.go("new")
    window.wizard.show_named("data")
    data = window.wizard.data
    qtbot.waitUntil(lambda: data.scanned is not None, timeout=20_000)
    data.preview.tabs.show_page(data.preview.lengths)
    words = "some-model is not on this computer yet. Its tokens can be shown once it is downloaded."
    qtbot.waitUntil(lambda: words in data.preview.lengths.histogram.empty_text, timeout=20_000)


def test_one_row_is_not_divided(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path, row = tmp_path / "rows.jsonl", json.dumps({"prompt": "Hi", "completion": "Yes"})
    data = window.wizard.data
    for count, words in ((1, "nothing is held out"), (2, "10% of the rows are held out")):
        path.write_text("\n".join([row] * count))
        window.draft.set("data.path", str(path))
        window.wizard.show_named("data")
        qtbot.waitUntil(lambda: data.scanned is not None, timeout=20_000)
        assert words in data.validation.sentence.text()
        window.draft.set("data.path", "demo")
