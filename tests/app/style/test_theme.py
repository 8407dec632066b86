"""Light and dark: readable, switched at once, and following the system unless told otherwise."""

import pytest
from PySide6.QtGui import QColor, QFontInfo, QPalette
from PySide6.QtWidgets import QApplication, QTextBrowser
from pytestqt.qtbot import QtBot

from app.desktop import preferences
from app.pages.help import HelpWindow
from app.shell.window import MainWindow
from app.style import theme
from app.widgets.choice_card import ChoiceCard
from app.widgets.labels import Label


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_can_be_read(qapp: QApplication, mode: str) -> None:
    theme.apply(qapp, mode)
    colours = theme.colours(qapp.palette())
    assert colours.dark == (mode == "dark")
    for name, background in theme.grounds(colours).items():
        for tone in ("text", "secondary", "accent_text", "good", "warn", "bad"):
            assert contrast(getattr(colours, tone), background) >= 4.5, (tone, name)
    assert contrast(QColor("white"), colours.accent) >= 4.5
    palette, role = qapp.palette(), QPalette.ColorRole
    for words, ground in ((role.Link, role.Base), (role.Link, role.Window), (role.PlaceholderText, role.Base)):
        assert contrast(palette.color(words), palette.color(ground)) >= 4.5, (words, ground)
    assert contrast(palette.color(role.HighlightedText), palette.color(role.Highlight)) >= 4.5
    chosen_place = theme.mix(colours.text, colours.window, 0.86)
    assert contrast(colours.text, chosen_place) >= 4.5 and contrast(colours.accent_text, chosen_place) >= 3.0
    for ground in (colours.window, colours.base):  # the outline of an input, and the ring of the keyboard
        assert contrast(theme.mix(colours.text, colours.window, 0.5), ground) >= 3.0
        assert contrast(theme.ring(colours).color(), ground) >= 3.0
    for name in colours.series:
        assert contrast(QColor(name), colours.base) >= 3.0


def test_no_words_are_smaller_than_twelve_pixels(qapp: QApplication) -> None:
    small = qapp.font()
    small.setPixelSize(11)  # as a system may have it
    before = qapp.font()
    qapp.setFont(small)
    theme.apply(qapp, "light")
    assert [QFontInfo(theme.font(size)).pixelSize() for size in ("title", "body", "caption")] == [22, 13, 12]
    assert QFontInfo(theme.monospace()).pixelSize() == 12
    large = qapp.font()
    large.setPixelSize(17)  # a person's own choice stays
    qapp.setFont(large)
    theme.apply(qapp, "dark")
    assert QFontInfo(theme.font()).pixelSize() == 17
    qapp.setFont(before)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_the_circle_of_a_choice_can_be_seen(qtbot: QtBot, qapp: QApplication, mode: str) -> None:
    theme.apply(qapp, mode)
    card = ChoiceCard("key", "A choice", "Its text.")
    qtbot.addWidget(card)
    card.resize(300, 80)
    card.show()
    for chosen in (False, True):
        card.radio.setChecked(chosen)
        image = card.grab().toImage()
        place = card.radio.geometry()
        ground = image.pixelColor(place.x() - 4, place.center().y())
        line = [image.pixelColor(x, place.center().y()) for x in range(place.x(), place.right())]
        assert max(contrast(colour, ground) for colour in line) >= 3.0, chosen


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


def test_the_links_of_the_help_can_be_read_in_both_themes(qtbot: QtBot, qapp: QApplication) -> None:
    window = HelpWindow()
    qtbot.addWidget(window)
    window.show()
    for mode in ("dark", "light"):
        theme.apply(qapp, mode)
        qtbot.wait(10)
        for browser in window.findChildren(QTextBrowser):
            ground = browser.palette().color(QPalette.ColorRole.Base)
            for colour in link_colours(browser):
                assert contrast(colour, ground) >= 4.5


def link_colours(browser: QTextBrowser) -> list[QColor]:
    colours, block = [], browser.document().begin()
    while block.isValid():
        ranges = block.textFormats()  # their formats live no longer than they do
        colours += [r.format.foreground().color() for r in ranges if r.format.isAnchor()]
        block = block.next()
    return colours


def contrast(colour_a: QColor, colour_b: QColor) -> float:
    """The contrast ratio of WCAG 2."""
    a, b = sorted((luminance(colour_a), luminance(colour_b)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
