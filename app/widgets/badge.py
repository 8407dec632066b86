"""Which device and precision a run uses, in a badge; pressed, it says what was asked for and why."""

from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.style import theme
from app.widgets.buttons import Button
from app.widgets.card import Card
from app.widgets.labels import Text, caption, heading
from core.quant.modes import MODES


class Badge(Button):
    """Amber, with an icon and words, when something else is used than was asked for."""

    def __init__(self) -> None:
        super().__init__("", "chip")
        self._about: list[tuple[str, dict[str, Any]]] = []
        self._popup: QWidget | None = None
        self.clicked.connect(self.explain)
        self.hide()

    def show_used(self, backend: dict[str, Any], precision: dict[str, Any]) -> None:
        """Show core.events.Started's two tables."""
        self._about = [("Backend", backend), ("Precision", precision)]
        differs = fell_back(backend) or fell_back(precision)
        words = " · ".join([f"{str(backend.get('used', '')).upper()} (MLX)", *held(precision)])
        self.setText(f"{words} · not as asked" if differs else words)
        self.set_icon("warn" if differs else "chip")
        self.setAccessibleName(f"Backend and precision: {self.text()}")
        self.setAccessibleDescription("Press to see what was asked for, what is used, and why.")
        self.updateGeometry()
        self.show()

    def explain(self) -> None:
        """Show asked, used and why below the badge."""
        popup = _Popup(self, self._about)
        popup.adjustSize()
        corner = self.mapToGlobal(QPoint(self.width() - popup.sizeHint().width(), self.height() + 4))
        popup.move(corner)
        popup.show()
        self._popup = popup


def fell_back(about: dict[str, Any]) -> bool:
    """Whether something else is used than was asked for."""
    asked = about.get("requested")
    return asked not in (None, "auto", about.get("used"), about.get("detail"))


def held(precision: dict[str, Any]) -> list[str]:
    """How the weights are held and, where that is something else, what they are computed in."""
    used, compute = str(precision.get("used", "")), precision.get("compute")
    name = MODES[used].title if used in MODES else used
    return [name, str(compute)] if compute and compute != used else [name]


class _Popup(Card):
    """The small table; goes away when the person clicks elsewhere or presses Escape."""

    def __init__(self, parent: QWidget, about: list[tuple[str, dict[str, Any]]]) -> None:
        super().__init__(parent)
        self.setWindowFlags(Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 14, 16, 14)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        line = 0
        for title, table in about:
            if line:
                grid.setRowMinimumHeight(line, theme.GRID)
                line += 1
            grid.addWidget(heading(title), line, 0, 1, 2)
            line += 1
            for key, words in (
                ("requested", "Asked for"),
                ("used", "Used"),
                ("device", "Device"),
                ("detail", "Detail"),
                ("compute", "Computes in"),
                ("reason", "Why"),
            ):
                if table.get(key) and (key not in ("detail", "compute") or table[key] != table.get("used")):
                    text = Text(str(table[key]), selectable=True)
                    text.setFixedWidth(320)
                    grid.addWidget(caption(words), line, 0, Qt.AlignmentFlag.AlignTop)
                    grid.addWidget(text, line, 1)
                    line += 1
