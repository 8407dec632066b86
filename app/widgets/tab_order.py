"""The order in which Tab goes through a window: that of the layouts, however late a part of it was made."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QButtonGroup, QGridLayout, QLayout, QSplitter, QWidget

if TYPE_CHECKING:
    _Base = QWidget
else:
    _Base = object


class TabOrder(_Base):
    """Mixed into a window, before the class of Qt: Tab goes through it as it is read. Qt's own order is that in which
    the parts were made."""

    def focusNextPrevChild(self, next: bool) -> bool:
        stops = list(tab_stops(self))
        for before, stop in pairwise(stops):
            QWidget.setTabOrder(before, stop)
        return super().focusNextPrevChild(next)


def tab_stops(widget: QWidget) -> Iterator[QWidget]:
    """Where Tab stops in a shown widget, and at it itself, in the order of the layouts. Of several buttons of which one
    is chosen it is that one: the arrow keys go to the others. What has the keyboard and was just hidden keeps its
    place: Qt asks which stop comes after it."""
    if isinstance(widget, QAbstractButton) and widget.isCheckable():
        _set_stop(widget)
    if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.focusProxy() is None and widget.isEnabled():
        yield widget
    for part in _parts(widget):
        if part.isWindow():
            continue
        if not part.isHidden():
            yield from tab_stops(part)
        elif (focus := part.window().focusWidget()) is not None and (part is focus or part.isAncestorOf(focus)):
            yield focus


def _set_stop(button: QAbstractButton) -> None:
    """Let Tab stop at a button of an exclusive group only where it is the one that Tab goes to."""
    group = button.group()
    if group is not None and group.exclusive():
        is_stop = button is _entry(group)
        button.setFocusPolicy(Qt.FocusPolicy.StrongFocus if is_stop else Qt.FocusPolicy.ClickFocus)


def _entry(group: QButtonGroup) -> QAbstractButton | None:
    """The button of a group that Tab goes to: the one that has the keyboard, else the chosen one, else the first."""
    buttons = [button for button in group.buttons() if button.isEnabled() and not button.isHidden()]
    focus, chosen = QApplication.focusWidget(), group.checkedButton()
    if focus in buttons:
        return focus
    return chosen if chosen in buttons else next(iter(buttons), None)


def _parts(widget: QWidget) -> list[QWidget]:
    """The children of a widget in the order of its layout; those in none come after them, as they were made."""
    if isinstance(widget, QSplitter):
        return [part for n in range(widget.count()) if (part := widget.widget(n)) is not None]
    layout = widget.layout()
    placed = list(_widgets(layout)) if layout is not None else []
    known = set(placed)
    return placed + [child for child in widget.children() if isinstance(child, QWidget) and child not in known]


def _widgets(layout: QLayout) -> Iterator[QWidget]:
    """The widgets of a layout and of those in it; of a grid row by row."""
    places: Iterable[int] = range(layout.count())
    if isinstance(layout, QGridLayout):
        places = sorted(places, key=lambda place: layout.getItemPosition(place)[:2])  # type: ignore[index]
    for place in places:
        item = layout.itemAt(place)
        if item is None:
            continue
        if (inner := item.layout()) is not None:
            yield from _widgets(inner)
        elif (widget := item.widget()) is not None:
            yield widget
