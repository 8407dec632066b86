"""Cards of which one is chosen, with the keyboard."""

from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.widgets.choice_card import ChoiceCard, ChoiceGroup
from app.widgets.scroll_page import ScrollPage


def test_the_card_that_the_arrows_choose_is_seen_whole(qtbot: QtBot) -> None:
    page, group = ScrollPage(), ChoiceGroup()
    page.content_layout.addWidget(group)
    for key in "abcdef":
        group.add(ChoiceCard(key, key, "A sentence on what it does.\nAnother one.", "And a line of detail."))
    qtbot.addWidget(page)
    page.resize(400, 200)
    page.show()
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    cards = list(group.cards.values())
    cards[0].radio.setFocus(Qt.FocusReason.TabFocusReason)
    for card in cards[1:]:
        qtbot.keyClick(page.focusWidget(), Qt.Key.Key_Down)
        assert card.radio.hasFocus()
        top = card.mapTo(page, QPoint(0, 0)).y()
        assert top >= 0 and top + card.height() <= page.viewport().height()
