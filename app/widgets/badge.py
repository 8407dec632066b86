"""A badge with the backend and precision of a run; clicked, it shows what was asked for and why this is used."""

from typing import Any

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.desktop.language import tr
from app.runs.ranks import rank_names
from app.style import theme
from app.widgets.buttons import Button
from app.widgets.card import Card
from app.widgets.labels import Label, caption, heading
from core.device.neural_engine import describe_parts, uses_engine
from core.quant.modes import MODES


class BackendBadge(Button):
    """Has a warning icon and "not as asked" where something else is used than was asked for."""

    def __init__(self) -> None:
        super().__init__("", "chip")
        self._choices: list[tuple[str, dict[str, Any]]] = []  # (heading, table of core.events.Started)
        self._popup: QWidget | None = None
        self.clicked.connect(self.explain)
        self.hide()

    def show_choices(
        self, backend: dict[str, Any], precision: dict[str, Any], ranks: dict[str, Any] | None = None
    ) -> None:
        """Show core.events.Started's tables; that of the ranks is empty for a run of one."""
        engine = backend.get("neural_engine") or {}
        lines = [f"{tr(names)}: {tr(words)}" for names, words in describe_parts(backend)]
        table = {**backend, "neural_engine": "\n".join([tr(str(engine.get("line") or "")), *lines])}
        shared = [(title, choice) for title, choice in _rank_choices(ranks or {}) if choice]
        shown = [(tr("Backend"), table), (tr("Precision"), precision), *shared]
        if shown == self._choices:  # to lay the window out anew takes time, and this is called at each drawing
            return
        self._choices = shown
        choices = [precision, *(choice for _, choice in shared)]
        has_fallback = fell_back(backend, engine) or any(map(fell_back, choices))
        device = f"{str(backend.get('used', '')).upper()} (MLX)"
        parts = [device, *describe_precision(precision)]
        text = " · ".join([tr("Neural Engine"), *parts] if uses_engine(backend) else parts)
        self.setText(tr("{used} · not as asked", used=text) if has_fallback else text)
        self.set_icon("warn" if has_fallback else "chip")
        self.setAccessibleName(tr("Backend and precision: {value}", value=self.text()))
        reason = tr(str(backend.get("reason") or ""))
        advice = tr("Press to see what was asked for, what is used, and why.")
        self.setAccessibleDescription(f"{reason.rstrip('.')}. {advice}" if reason else advice)
        self.updateGeometry()
        self.show()

    def explain(self) -> None:
        """Show a table of what was asked for, what is used and why, below the badge."""
        popup = _Popup(self, self._choices)
        popup.adjustSize()
        corner = self.mapToGlobal(QPoint(self.width() - popup.sizeHint().width(), self.height() + 4))
        popup.move(corner)
        popup.show()
        self._popup = popup


def fell_back(choice: dict[str, Any], engine: dict[str, Any] | None = None) -> bool:
    """Whether something else is used than was asked for; `engine` is what a backend says of the Neural Engine."""
    requested = choice.get("requested")
    if requested == "ane":
        return not (engine and engine.get("used"))
    return requested not in (None, "auto", choice.get("used"), choice.get("detail"))


def _rank_choices(ranks: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(heading, what was asked for, what is used and why) of the machines that share a run."""
    link = ranks.get("link") or {}
    machines = ", ".join(rank_names(ranks))
    return [
        (tr("Link between the machines"), link and {**link, "machines": machines}),
        (tr("Parts of the model"), ranks.get("sharding") or {}),
    ]


def describe_precision(precision: dict[str, Any]) -> list[str]:
    """The precision of the weights and, where it is another one, that of the computation."""
    weights, compute = str(precision.get("used", "")), precision.get("compute")
    title = tr(MODES[weights].title) if weights in MODES else weights
    return [title, str(compute)] if compute and compute != weights else [title]


class _Popup(Card):
    """The table; it closes when the person clicks elsewhere or presses Escape."""

    def __init__(self, parent: QWidget, choices: list[tuple[str, dict[str, Any]]]) -> None:
        super().__init__(parent)
        self.setWindowFlags(Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 14, 16, 14)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        line = 0
        for title, table in choices:
            if line:
                grid.setRowMinimumHeight(line, theme.GRID)
                line += 1
            grid.addWidget(heading(title), line, 0, 1, 2)
            line += 1
            for key, label in (
                ("requested", tr("Asked for")),
                ("used", tr("Used")),
                ("device", tr("Device")),
                ("machines", tr("Machines")),
                ("detail", tr("Detail")),
                ("compute", tr("Computes in")),
                ("reason", tr("Why")),
                ("neural_engine", tr("Neural Engine")),
            ):
                if table.get(key) and (key not in ("detail", "compute") or table[key] != table.get("used")):
                    value = table[key]  # a sentence, where it is why
                    text = Label(tr(value) if key == "reason" else str(value), selectable=True)
                    text.setFixedWidth(320)
                    grid.addWidget(caption(label), line, 0, Qt.AlignmentFlag.AlignTop)
                    grid.addWidget(text, line, 1)
                    line += 1
