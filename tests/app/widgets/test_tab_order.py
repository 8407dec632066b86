"""Tab goes through a window as its layouts have it, and to the chosen one of several buttons."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QGridLayout, QPushButton, QSplitter, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.choice_card import ChoiceCard, ChoiceGroup
from app.widgets.tab_order import TabOrder


class Window(TabOrder, QWidget):
    pass


def way_of_tab(qtbot: QtBot, window: QWidget, count: int) -> list[QWidget | None]:
    """What has the keyboard after each of `count` presses of Tab."""
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    order = []
    for _ in range(count):
        qtbot.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
        order.append(QApplication.focusWidget())
    return order


def test_what_is_made_late_is_reached_where_it_stands(qtbot: QtBot) -> None:
    window = Window()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    last, hidden, split, grid_page = QPushButton("last"), QPushButton("hidden"), QSplitter(), QWidget()
    for part in (grid_page, split, hidden, last):
        layout.addWidget(part)
    hidden.hide()
    right, left, below, above = (QPushButton(words) for words in ("right", "left", "below", "above"))
    split.insertWidget(0, right)
    split.insertWidget(0, left)
    grid = QGridLayout(grid_page)
    grid.addWidget(below, 1, 0)
    grid.addWidget(above, 0, 0)
    first = QPushButton("first")
    layout.insertWidget(0, first)
    last.setFocus()
    assert way_of_tab(qtbot, window, 6) == [first, above, below, left, right, last]
    hidden.show()
    assert way_of_tab(qtbot, window, 7) == [first, above, below, left, right, hidden, last]


def test_tab_goes_to_the_chosen_one_of_several(qtbot: QtBot) -> None:
    window = Window()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    group, button = ChoiceGroup(), QPushButton()
    layout.addWidget(group)
    layout.addWidget(button)
    for key in "abc":
        group.add(ChoiceCard(key, key, ""))
    radios = {key: card.radio for key, card in group.cards.items()}
    button.setFocus()
    assert way_of_tab(qtbot, window, 2) == [radios["a"], button]
    group.choose("b")
    assert way_of_tab(qtbot, window, 2) == [radios["b"], button]
    group.cards["b"].disable("not now")
    assert way_of_tab(qtbot, window, 2) == [radios["a"], button]


def test_what_follows_gets_the_keyboard_of_what_is_hidden(qtbot: QtBot) -> None:
    window = Window()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    inner, late = QWidget(), QPushButton("made first")
    before, hidden, inside, after = (QPushButton(words) for words in ("before", "hidden", "inside", "after"))
    QVBoxLayout(inner).addWidget(inside)
    for part in (before, hidden, inner, after, late):
        layout.addWidget(part)
    hidden.setFocus()
    way_of_tab(qtbot, window, 5)
    hidden.setFocus()
    hidden.hide()
    assert QApplication.focusWidget() is inside
    inner.hide()
    assert QApplication.focusWidget() is after
