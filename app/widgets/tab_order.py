"""The order in which Tab goes through a page of which parts are made later than others."""

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def put_last(stops: Sequence[QWidget]) -> None:
    """Let Tab reach these widgets, in this order, after everything that there is in their window by now.

    Qt puts what is made later behind them. A page calls this in focusNextPrevChild(), which Tab arrives at.
    """
    last = stops[0].window().previousInFocusChain()
    while last is not None and (last in stops or last.focusPolicy() == Qt.FocusPolicy.NoFocus):
        last = last.previousInFocusChain()  # from a widget without focus Qt takes no order
    if last is not None:
        for before, stop in pairwise([last, *stops]):
            QWidget.setTabOrder(before, stop)
