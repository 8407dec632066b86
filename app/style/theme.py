"""How the window looks: the native style on a Mac, Fusion with our own palette elsewhere, light or dark.

Every colour is derived from the application's palette, so a change between light and dark reaches all widgets through
Qt's own PaletteChange event.
"""

import functools
import sys
from dataclasses import dataclass
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QGuiApplication, QPalette, QPen
from PySide6.QtWidgets import QApplication, QStyleFactory

GRID = 8  # pixels: all distances are multiples of this, or half of it
MARGIN = 3 * GRID
COLUMN = 1040  # pixels of words and forms at most; tables and charts take the whole page
RADIUS = 10
BODY = 13  # pixels of the text at least, so that a caption has 12
MODES = ("system", "light", "dark")
CENTRE = Qt.AlignmentFlag.AlignHCenter
NATIVE = sys.platform == "darwin"

_MODE = "hone-theme"  # the application's property that holds the mode


class _Scheme(NamedTuple):
    """The colours that one of Hone's own palettes is built from."""

    window: str
    base: str
    text: str
    button: str
    accent: str


_LIGHT = _Scheme("#f6f6f8", "#ffffff", "#1d1d20", "#ffffff", "#1767d2")
_DARK = _Scheme("#1d1d20", "#28282c", "#f1f1f4", "#3a3a40", "#2672d6")

# Widgets whose outline Fusion takes from the window's colour, which on a dark ground makes it vanish.
_INPUTS = ("QLineEdit", "QComboBox", "QAbstractSpinBox", "QCheckBox", "QRadioButton", "QSlider")

# Okabe and Ito's colours, told apart with every kind of colour vision: the palest darker on white, all lighter on dark.
SERIES = {
    False: ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#2e97d4"),
    True: ("#56b4e9", "#e69f00", "#2fc79b", "#e3a0c6", "#f0e442", "#8ec7ff"),
}


@dataclass(frozen=True)
class Colours:
    """The named colours, all derived from one palette."""

    dark: bool
    window: QColor
    base: QColor
    text: QColor
    secondary: QColor  # captions, axis labels, and what may be skipped
    separator: QColor
    hover: QColor
    accent: QColor  # a filled ground with white text on it
    accent_text: QColor  # accent as text or a thin line
    tint: QColor  # a faint accent ground
    good: QColor
    warn: QColor
    bad: QColor
    series: tuple[str, ...]


def colours(palette: QPalette) -> Colours:
    """The named colours that go with a palette."""
    return _colours(
        *(palette.color(r).rgb() for r in (QPalette.ColorRole.Window, QPalette.ColorRole.Base)),
        palette.color(QPalette.ColorRole.WindowText).rgb(),
        palette.color(QPalette.ColorRole.Accent).rgb(),
    )


@functools.lru_cache(maxsize=16)
def _colours(window_rgb: int, base_rgb: int, text_rgb: int, accent_rgb: int) -> Colours:
    window, base, text, accent = (QColor.fromRgb(v) for v in (window_rgb, base_rgb, text_rgb, accent_rgb))
    dark = window.lightness() < 128
    return Colours(
        dark=dark,
        window=window,
        base=base,
        text=text,
        secondary=mix(text, window, 0.3 if dark else 0.27),
        separator=mix(text, window, 0.86),
        hover=mix(text, window, 0.93),
        accent=accent,
        accent_text=mix(accent, QColor("white" if dark else "black"), 0.5 if dark else 0.16),
        tint=mix(accent, base, 0.76 if dark else 0.88),
        good=QColor("#5cc98d" if dark else "#136b2c"),
        warn=QColor("#e3b341" if dark else "#7a4f00"),
        bad=QColor("#ff8a82" if dark else "#b52020"),
        series=SERIES[dark],
    )


def grounds(c: Colours) -> dict[str, QColor]:
    """Every ground that words stand on, by name: the window, cards in each tone, what is chosen or hovered."""
    cards = {f"card {tone}": card_ground(c, tone) for tone in ("good", "warn", "bad", "accent")}
    return {"window": c.window, "base": c.base, "tint": c.tint, "hover": c.hover, "sidebar": side_ground(c)} | cards


def card_ground(c: Colours, tone: str) -> QColor:
    """The ground of a card for a message in a tone."""
    return mix(getattr(c, tone), c.base, 0.9)


def side_ground(c: Colours) -> QColor:
    """The ground of the sidebar."""
    return mix(c.text, c.window, 0.96)


def ring(c: Colours) -> QPen:
    """The line around what has the keyboard: the same everywhere."""
    return QPen(c.accent_text, 2)


def palette() -> QPalette:
    """The application's palette: the one all named colours come from."""
    return QGuiApplication.palette()


def mix(a: QColor, b: QColor, share: float) -> QColor:
    """A mixture of two colours: `share` (0 to 1) of `b`, the rest of `a`."""
    rgb_a, rgb_b = (a.redF(), a.greenF(), a.blueF()), (b.redF(), b.greenF(), b.blueF())
    return QColor.fromRgbF(*(x * (1 - share) + y * share for x, y in zip(rgb_a, rgb_b, strict=True)))


def parse_colour(name: str) -> QColor:
    """A colour from its hexadecimal name."""
    return QColor(name)


def apply(app: QApplication, mode: str) -> None:
    """Put the whole application into "system", "light" or "dark"."""
    scheme = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(mode, Qt.ColorScheme.Unknown)
    QGuiApplication.styleHints().setColorScheme(scheme)
    app.setProperty(_MODE, mode)
    if NATIVE:
        return
    if app.style().name() != "fusion":
        app.setStyle(QStyleFactory.create("Fusion"))
    font = app.font()
    if QFontInfo(font).pixelSize() < BODY:
        font.setPixelSize(BODY)
        app.setFont(font)
    if mode == "system":
        scheme = QGuiApplication.styleHints().colorScheme()
    _set_palettes(app, scheme == Qt.ColorScheme.Dark)


def follow_system(app: QApplication) -> None:
    """Follow a change of the system between light and dark, unless the person has chosen one of them."""
    if current_mode(app) == "system" and not NATIVE:
        _set_palettes(app, QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark)


def current_mode(app: QApplication) -> str:
    """The mode that apply() was last called with."""
    return str(app.property(_MODE) or "system")


def _set_palettes(app: QApplication, dark: bool) -> None:
    scheme = _DARK if dark else _LIGHT
    app.setPalette(_build_palette(scheme))
    for kind in _INPUTS:
        app.setPalette(_build_input_palette(scheme), kind)  # type: ignore[arg-type]  # the stubs want bytes, Qt takes str


def _build_palette(scheme: _Scheme) -> QPalette:
    window, base, text, button, accent = (QColor(name) for name in scheme)
    role = QPalette.ColorRole
    palette = QPalette(button, window)  # derives the bevel shades that Fusion draws with
    for name, colour in {
        role.Window: window,
        role.WindowText: text,
        role.Base: base,
        role.AlternateBase: mix(base, window, 0.6),
        role.Text: text,
        role.Button: button,
        role.ButtonText: text,
        role.BrightText: QColor("white"),
        role.Accent: accent,
        role.Highlight: accent,
        role.HighlightedText: QColor("white"),
        role.PlaceholderText: mix(text, base, 0.36),
        role.ToolTipBase: base,
        role.ToolTipText: text,
        role.Link: _colours(window.rgb(), base.rgb(), text.rgb(), accent.rgb()).accent_text,
    }.items():
        palette.setColor(name, colour)
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, mix(text, window, 0.55))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, mix(text, window, 0.8))
    return palette


def _build_input_palette(scheme: _Scheme) -> QPalette:
    palette = _build_palette(scheme)
    if QColor(scheme.window).lightness() < 128:
        palette.setColor(QPalette.ColorRole.Window, QColor("#82828c"))
        palette.setColor(QPalette.ColorRole.Button, QColor("#303035"))
        palette.setColor(QPalette.ColorRole.Base, QColor("#222226"))
    return palette


def font(size: str = "body", bold: bool = False, figures: bool = False) -> QFont:
    """The system's font in one of three sizes: "title" (22), "body" (13), "caption" (12).

    `figures` gives digits of equal width, so that live numbers do not jitter.
    """
    sized_font = QFont(QApplication.font())
    sized_font.setPixelSize(
        round(QFontInfo(sized_font).pixelSize() * {"title": 22 / 13, "body": 1.0, "caption": 12 / 13}[size])
    )
    if bold:
        sized_font.setWeight(QFont.Weight.DemiBold)
    if figures:
        sized_font.setFeature(QFont.Tag.fromString("tnum"), 1)
    return sized_font


def monospace() -> QFont:
    """The system's fixed-width font, a little smaller than the text around it."""
    fixed_font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    fixed_font.setPixelSize(round(QFontInfo(QApplication.font()).pixelSize() * 12 / 13))
    return fixed_font
