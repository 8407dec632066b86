"""What can be done with the runs that are selected: the common actions as buttons, all of them in a menu."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Signal
from PySide6.QtWidgets import QMenu, QWidget

from app.desktop.language import tr
from app.pages.run_menu import RunAction, list_actions, resume_reason, show_menu
from app.runs.run_list import RunRow
from app.style import theme
from app.widgets.buttons import plain_button, primary_button, quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.disabled import disable
from app.widgets.labels import ElidedLabel


class RunsButtons(QWidget):
    """A row of buttons, and above it one line on what is wrong with a run, or why something cannot be done.

    `chosen(key)` with the key of an action of run_menu.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[RunRow] = ()
        self.reason = ElidedLabel("", "caption", tone="secondary")  # of one line, so that nothing moves
        self.open = primary_button(tr("Open"), "runs")
        self.resume = plain_button(tr("Resume"), "play")
        self.compare = plain_button(tr("Compare"), "compare")
        self.again = plain_button(tr("Run again with a change…"), "reset")
        self.more = quiet_button(tr("More"), "chevron")
        self._buttons = {"open": self.open, "resume": self.resume, "compare": self.compare, "again": self.again}
        row = hbox(gap=8)
        for key, button in self._buttons.items():
            button.clicked.connect(lambda _=False, key=key: self.chosen.emit(key))
            row.addWidget(button)
        self.more.clicked.connect(lambda: self.pop_up(self.more.mapToGlobal(QPoint(0, self.more.height()))))
        row.addWidget(self.more)
        row.addStretch()
        layout = vbox(self, gap=theme.GRID + 4)
        layout.addWidget(self.reason)
        layout.addLayout(row)

    def show_rows(self, rows: Sequence[RunRow]) -> None:
        """Offer what can be done with these rows."""
        self._rows = rows
        actions = {action.key: action for action in list_actions(rows) if action is not None}
        for key, button in self._buttons.items():
            action = actions.get(key, RunAction(key, "", tr("Select a run.")))
            disable(button, action.reason)
        compare = actions.get("compare")
        self.compare.setAccessibleName(compare.text if compare else tr("Compare"))
        disable(self.more, "" if rows else tr("Select a run."))
        sentence = rows[0].sentence if len(rows) == 1 else ""
        self._write(sentence or (resume_reason(rows[0]) if len(rows) == 1 else ""), "bad" if sentence else "secondary")

    def show_reason(self, reason: str) -> None:
        """Say why what was asked for cannot be done."""
        self._write(reason, "warn")

    def make_menu(self) -> QMenu:
        """The menu of all that can be done with the rows."""
        return show_menu(self, self._rows, self.chosen.emit)

    def pop_up(self, place: QPoint) -> None:
        """Open the menu at a place on the screen."""
        menu = self.make_menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    def _write(self, reason: str, tone: str) -> None:
        self.reason.set_tone(tone)
        self.reason.setText(reason)
        self.reason.setToolTip(reason)
        self.reason.setAccessibleName(reason)
