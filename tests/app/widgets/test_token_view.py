"""What the model sees, drawn: chips that stay whole, and text that can be copied as it is."""

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QHelpEvent, QTextCursor
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot

from app.widgets.token_view import MAX_TOKENS, TokenView
from core.data.preview.inspect import Token

TOKENS = (
    Token("<|im_start|>", 1, False, True, False),
    Token("user\nHi", 2, False, False, False),
    Token("<|im_end|>", 3, False, True, False),
    Token("Yo", 4, True, False, False),
    Token("<|im_end|>", 3, True, True, False),
    Token(" and more", 5, False, False, True),
)


def test_what_is_copied_is_the_tokens_own_text(qtbot: QtBot) -> None:
    view = TokenView()
    qtbot.addWidget(view)
    view.show_tokens(TOKENS)
    cursor = view.textCursor()
    cursor.select(QTextCursor.SelectionType.Document)
    view.setTextCursor(cursor)
    copied = view.createMimeDataFromSelection().text()
    assert copied == "<|im_start|>user\nHi<|im_end|>Yo<|im_end|> ✂ cut here  and more"
    assert view.accessibleDescription() == "6 tokens, 2 of them learned"


def test_no_line_ends_within_a_chip(qtbot: QtBot) -> None:
    view = TokenView()
    qtbot.addWidget(view)
    view.resize(150, 400)
    view.show_tokens(TOKENS * 5)
    view.show()
    assert len(view._chips) == 15
    assert all(len(view._boxes(start, end)) == 1 for start, end in view._chips)


def test_very_long_rows_are_drawn_up_to_a_limit(qtbot: QtBot) -> None:
    view = TokenView()
    qtbot.addWidget(view)
    view.show_tokens(TOKENS[1:2] * (MAX_TOKENS + 10))
    assert len(view._starts) == MAX_TOKENS


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (1, r"Token 2: 'user\nHi', number 2, read only"),
        (3, "Token 4: 'Yo', number 4, learned"),
        (5, "Token 6: ' and more', number 5, cut, never seen"),
    ],
)
def test_a_token_tells_what_it_is(n: int, said: str, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(QToolTip, "showText", lambda place, text, widget: shown.append(text))
    view = TokenView()
    qtbot.addWidget(view)
    view.resize(600, 300)
    view.show_tokens(TOKENS)
    view.show()
    cursor = QTextCursor(view.document())
    cursor.setPosition(view._starts[n] + 1)
    place = view.cursorRect(cursor).center()
    QApplication.sendEvent(view.viewport(), QHelpEvent(QEvent.Type.ToolTip, place, view.mapToGlobal(place)))
    assert shown == [said]
