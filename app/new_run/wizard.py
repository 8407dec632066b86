"""The page New run: the rail of steps on top, the chosen step below it, Back and Next at the foot."""

from typing import Protocol, cast

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QKeySequence, QPainter, QPaintEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.new_run.check_step import CheckStep
from app.new_run.data_step import DataStep
from app.new_run.draft import Draft
from app.new_run.goal_step import GoalPage
from app.new_run.model_step import ModelStep
from app.new_run.settings_step import SettingsStep
from app.runs.job_queue import JobQueue
from app.style import theme
from app.widgets.buttons import plain_button, primary_button
from app.widgets.card import hbox, vbox
from app.widgets.labels import Label
from app.widgets.step_rail import StepRail

_RECHECK_MS = 250


class Step(Protocol):
    """What the page of a step has in addition to a QWidget."""

    name: str

    def enter(self) -> None:
        """Called when the step is shown."""

    def blocked_reason(self) -> str:
        """The reason why the next step has to wait, or ""."""
        ...


class Wizard(QWidget):
    """Five steps over one draft. The person can go to each at any time and loses nothing by it.

    `start(run)` when the checked run is to start, `demo(run)` for the demo, `open_run` to open an old run.
    """

    start = Signal(object)
    demo = Signal(object)
    open_run = Signal()

    def __init__(self, draft: Draft, jobs: JobQueue | None = None) -> None:
        super().__init__()
        self.goal, self.data, self.model = GoalPage(draft), DataStep(draft), ModelStep(draft)
        self.settings, self.check = SettingsStep(draft, jobs), CheckStep(draft)
        self.pages: list[QWidget] = [self.goal, self.data, self.model, self.settings, self.check]
        self.rail = StepRail([cast(Step, page).name for page in self.pages])
        self._furthest_step = 0
        self._recheck = QTimer(self, interval=_RECHECK_MS)  # runs while a reason is shown
        self._recheck.timeout.connect(lambda: self._show_reason(self.current.blocked_reason()))
        layout = vbox(self, gap=0)
        top = vbox(margin=0)
        top.setContentsMargins(theme.MARGIN, 14, theme.MARGIN, 10)
        top.addWidget(self.rail)
        layout.addLayout(top)
        self.stack = QStackedWidget()
        for page in self.pages:
            self.stack.addWidget(page)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self._make_foot())
        self.rail.chosen.connect(self.show_step)
        self.goal.demo.connect(self.demo)
        self.goal.open_run.connect(self.open_run)
        self.goal.own_data.connect(self._choose_data)
        self.check.start.connect(self.start)
        self.check.go.connect(self.show_named)
        self.show_step(0)

    @property
    def current(self) -> Step:
        """The step that is shown."""
        return cast(Step, self.pages[self.stack.currentIndex()])

    def show_step(self, index: int) -> None:
        """Go to a step."""
        self._furthest_step = max(self._furthest_step, index)
        self.stack.setCurrentIndex(index)
        self.rail.show_step(index, self._furthest_step)
        self.back_button.setVisible(index > 0)
        self.next_button.setVisible(index < len(self.pages) - 1)
        self._show_reason("")
        self.current.enter()

    def show_named(self, name: str) -> None:
        """Go to the step of this name."""
        self.show_step([cast(Step, page).name for page in self.pages].index(name))

    def forward(self) -> None:
        """Go to the next step, or show the reason why it has to wait."""
        reason = self.current.blocked_reason()
        if reason:
            self._show_reason(reason)
        else:
            self.show_step(self.stack.currentIndex() + 1)

    def _show_reason(self, reason: str) -> None:
        """Show why the next step has to wait, until it no longer has to."""
        self._reason.setText(reason)
        if reason:
            self._recheck.start()
        else:
            self._recheck.stop()

    def _make_foot(self) -> QWidget:
        foot = _Foot()
        layout = hbox(foot, gap=12)
        layout.setContentsMargins(theme.MARGIN, 10, theme.MARGIN, 10)
        self.back_button, self.next_button = plain_button("Back"), primary_button("Next")
        self._reason = Label(tone="warn")
        layout.addWidget(self._reason, 1)
        layout.addWidget(self.back_button)
        layout.addWidget(self.next_button)
        self.back_button.setShortcut(QKeySequence.StandardKey.Back)
        self.next_button.setShortcut(QKeySequence.StandardKey.Forward)
        self.back_button.clicked.connect(lambda: self.show_step(self.stack.currentIndex() - 1))
        self.next_button.clicked.connect(self.forward)
        return foot

    def _choose_data(self) -> None:
        self.show_step(1)
        self.data.choose()


class _Foot(QWidget):
    """The strip below the step, with a hairline on top."""

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(0, 0, self.width(), 1, theme.colours(theme.palette()).separator)
