"""Light and dark: readable, switched at once, and following the system unless told otherwise."""

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop import preferences
from app.shell.window import MainWindow
from app.style import theme
from app.widgets.labels import Label


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_can_be_read(qapp: QApplication, mode: str) -> None:
    theme.apply(qapp, mode)
    c = theme.colours(qapp.palette())
    assert c.dark == (mode == "dark")
    for ground in (c.window, c.base):
        for tone in ("text", "secondary", "accent_text", "good", "warn", "bad"):
            assert contrast(getattr(c, tone), ground) >= 4.5, (tone, ground.name())
    assert contrast(QColor("white"), c.accent) >= 4.0
    assert contrast(c.text, c.tint) >= 4.5
    for name in c.series[:3]:
        assert contrast(QColor(name), c.base) >= 3.0


def test_switching_reaches_every_part(qtbot: QtBot, qapp: QApplication, window: MainWindow) -> None:
    quiet = Label("quiet", tone="secondary")
    qtbot.addWidget(quiet)
    quiet.show()
    light = quiet.palette().color(QPalette.ColorRole.WindowText)
    theme.apply(qapp, "dark")
    qtbot.wait(10)
    assert quiet.palette().color(QPalette.ColorRole.WindowText) != light
    assert window.palette().color(QPalette.ColorRole.Window).lightness() < 60
    pixel = window.grab().toImage().pixelColor(600, 700)
    assert pixel.lightness() < 60


def test_charts_follow(qtbot: QtBot, qapp: QApplication) -> None:
    from app.plots.loss_chart import LossChart

    chart = LossChart()
    qtbot.addWidget(chart)
    before = chart.curves["smooth"].opts["pen"].color().name()
    theme.apply(qapp, "dark")
    qtbot.wait(10)
    assert chart.curves["smooth"].opts["pen"].color().name() != before
    assert chart.backgroundBrush().color().lightness() < 60


def test_the_choice_is_remembered(qapp: QApplication, window: MainWindow) -> None:
    (dark,) = [a for a in window.findChildren(type(window.menus.actions.start)) if a.text() == "&Dark"]
    dark.trigger()
    assert preferences.theme() == "dark"
    assert theme.current_mode(qapp) == "dark"
    theme.follow_system(qapp)
    assert theme.colours(qapp.palette()).dark


def contrast(one: QColor, other: QColor) -> float:
    """The contrast ratio of WCAG 2."""
    a, b = sorted((luminance(one), luminance(other)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
