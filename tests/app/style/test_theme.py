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
    colours = theme.colours(qapp.palette())
    assert colours.dark == (mode == "dark")
    for background in (colours.window, colours.base):
        for tone in ("text", "secondary", "accent_text", "good", "warn", "bad"):
            assert contrast(getattr(colours, tone), background) >= 4.5, (tone, background.name())
    assert contrast(QColor("white"), colours.accent) >= 4.0
    assert contrast(colours.text, colours.tint) >= 4.5
    for name in colours.series[:3]:
        assert contrast(QColor(name), colours.base) >= 3.0


def test_switching_reaches_every_part(qtbot: QtBot, qapp: QApplication, window: MainWindow) -> None:
    label = Label("quiet", tone="secondary")
    qtbot.addWidget(label)
    label.show()
    light_colour = label.palette().color(QPalette.ColorRole.WindowText)
    theme.apply(qapp, "dark")
    qtbot.wait(10)
    assert label.palette().color(QPalette.ColorRole.WindowText) != light_colour
    assert window.palette().color(QPalette.ColorRole.Window).lightness() < 60
    pixel = window.grab().toImage().pixelColor(600, 700)
    assert pixel.lightness() < 60


def test_charts_follow(qtbot: QtBot, qapp: QApplication) -> None:
    from app.plots.loss_chart import LossChart

    chart = LossChart()
    qtbot.addWidget(chart)
    light_colour = chart.curves["smooth"].opts["pen"].color().name()
    theme.apply(qapp, "dark")
    qtbot.wait(10)
    assert chart.curves["smooth"].opts["pen"].color().name() != light_colour
    assert chart.backgroundBrush().color().lightness() < 60


def test_the_choice_is_remembered(qapp: QApplication, window: MainWindow) -> None:
    (dark,) = [a for a in window.findChildren(type(window.menus.actions.start)) if a.text() == "&Dark"]
    dark.trigger()
    assert preferences.theme() == "dark"
    assert theme.current_mode(qapp) == "dark"
    theme.follow_system(qapp)
    assert theme.colours(qapp.palette()).dark


def contrast(colour_a: QColor, colour_b: QColor) -> float:
    """The contrast ratio of WCAG 2."""
    a, b = sorted((luminance(colour_a), luminance(colour_b)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
