"""Labels of one line, and what becomes of a text that is too long for it."""

import pytest
from PySide6.QtGui import QFontMetrics
from pytestqt.qtbot import QtBot

from app.widgets.labels import ElidedLabel


@pytest.mark.parametrize(("share", "fits"), [(1.1, True), (0.95, True), (0.78, True), (0.5, False)])
def test_a_title_shrinks_before_it_is_cut(qtbot: QtBot, share: float, fits: bool) -> None:
    label = ElidedLabel("Starter model learns from Sample data", "title", bold=True, shrinks=True)
    qtbot.addWidget(label)
    label.resize(round(share * label.fontMetrics().horizontalAdvance(label.text())), 30)
    font = label.shown_font()
    assert (QFontMetrics(font).horizontalAdvance(label.text()) <= label.width()) == fits
    assert 0.7 * label.font().pixelSize() <= font.pixelSize() <= label.font().pixelSize()
    assert (font.pixelSize() == label.font().pixelSize()) == (share > 1)
