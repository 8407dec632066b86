"""What the chat template drops of a row is struck through where the row is shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from app.desktop import language
from app.preview.row_parts import row_parts
from app.preview.row_reader import RowReader, RowView
from app.shell.window import MainWindow
from core.data.format.example import Example
from core.data.preview.page import PreviewRow
from core.data.read.reader import Row
from core.data.tokenize.template_coverage import CALL, OFFERED, THOUGHT, Part

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}]
ASKED = {"role": "user", "content": "Is it warm?"}
CALLING = {
    "role": "assistant",
    "content": "",
    "reasoning_content": "I have to look.",
    "tool_calls": [{"type": "function", "function": {"name": "get_weather", "arguments": {}}}],
}
ANSWERED = {"role": "assistant", "content": "Yes."}


def struck_text(reader: RowReader) -> str:
    """The text that is drawn struck through."""
    cursor, text = QTextCursor(reader.document()), ""
    while not cursor.atEnd():
        cursor.movePosition(QTextCursor.MoveOperation.NextCharacter, QTextCursor.MoveMode.KeepAnchor)
        text += cursor.selectedText() if cursor.charFormat().fontStrikeOut() else ""
        cursor.clearSelection()
    return text.strip("\u2029")  # the breaks between paragraphs


def open_rows(window: MainWindow, tmp_path: Path, *rows: dict[str, Any]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    window.open_files([path])
    window.wizard.show_named("data")


def test_lost_functions_are_struck_through_beside_the_table(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    open_rows(window, tmp_path, {"messages": [ASKED, ANSWERED], "tools": TOOLS}, {"messages": [ASKED, ANSWERED]})
    rows = window.wizard.data.preview.rows
    qtbot.waitUntil(lambda: rows.model.row_at(1) is not None, timeout=20_000)
    rows.table.selectRow(0)
    qtbot.waitUntil(lambda: rows.row_view.legend.isVisible(), timeout=20_000)
    assert struck_text(rows.row_view.reader) == json.dumps(TOOLS)
    assert rows.row_view.reader.accessibleDescription() == "The model does not see: Functions offered"
    assert "Functions offered · the model does not see it" in rows.row_view.reader.toPlainText()
    rows.table.selectRow(1)
    qtbot.waitUntil(lambda: not rows.row_view.legend.isVisible())
    assert struck_text(rows.row_view.reader) == ""
    assert rows.row_view.reader.accessibleDescription() == ""


def test_the_row_stands_beside_its_tokens_where_it_loses_parts(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    lossy = {"messages": [ASKED, CALLING, {"role": "tool", "content": "21"}, ANSWERED], "tools": TOOLS}
    open_rows(window, tmp_path, lossy, {"messages": [ASKED, ANSWERED]})
    preview = window.wizard.data.preview
    preview.tabs.show_page(preview.tokens)
    tab = preview.tokens
    qtbot.waitUntil(lambda: tab.row_view.isVisible(), timeout=20_000)
    dropped = [part.name for part in tab.row_view.reader.parts if part.is_dropped]
    assert dropped == ["Functions offered", "Assistant: thinking", "Assistant: function calls"]
    assert tab.names[0].text() == "What the model sees"
    assert "The chat template does not write the offered functions" in tab._note.text()
    tab.next_button.click()
    qtbot.waitUntil(lambda: not tab.row_view.isVisible())
    assert tab.names[0].text() == ""


def test_only_the_answer_that_loses_a_part_of_a_pair_is_marked() -> None:
    pair = Example(1, messages=(ASKED,), chosen=(ANSWERED,), rejected=(CALLING,), tools=tuple(TOOLS))
    item = PreviewRow(0, "rows.jsonl", Row(1, {}), (pair,))
    offered = Part(OFFERED, None, "get_weather")
    parts = row_parts(item, [(offered,), (offered, Part(THOUGHT, 1, "I have to look."), Part(CALL, 1, "get_weather"))])
    assert [(part.name, part.is_dropped) for part in parts] == [
        ("Functions offered", True),
        ("User", False),
        ("Better", False),
        ("Worse: thinking", True),
        ("Worse: function calls", True),
    ]


@pytest.mark.parametrize("is_dropped", [False, True])
def test_the_legend_is_there_only_when_it_explains_something(qtbot: QtBot, is_dropped: bool) -> None:
    item = PreviewRow(0, "rows.jsonl", Row(1, {}), (Example(1, messages=(ASKED, ANSWERED)),))
    view = RowView()
    qtbot.addWidget(view)
    view.show_parts(row_parts(item, [(Part("user message", 0, "Is it warm?"),) if is_dropped else ()]))
    assert view.legend.isHidden() != is_dropped
    assert struck_text(view.reader) == ("Is it warm?" if is_dropped else "")


def test_what_is_dropped_is_said_in_german(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    open_rows(window, tmp_path, {"messages": [ASKED, CALLING, ANSWERED], "tools": TOOLS})
    preview = window.wizard.data.preview
    language.use("de")
    try:
        preview.tabs.show_page(preview.tokens)
        qtbot.waitUntil(lambda: preview.tokens._note.isVisible(), timeout=20_000)
    finally:
        language.use("en")
    lines = preview.tokens._note.text().splitlines()
    assert "Die Chatvorlage lässt weg: angebotene Funktionen. Das Modell sieht diesen Teil nie." in lines
    assert not [line for line in lines if "model" in line]
