"""The page New run: the rail of steps on top, the chosen step below it, Back and Next at the foot."""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QSpacerItem, QStackedWidget, QWidget

from app.desktop.language import tr
from app.new_run.changes_bar import ChangesBar
from app.new_run.draft import Draft
from app.new_run.draft_menu import DraftMenu
from app.new_run.goal_step import GoalPage
from app.new_run.step_times import StepTimes
from app.runs.job_queue import JobQueue
from app.style import theme
from app.widgets.buttons import plain_button, primary_button
from app.widgets.card import hbox, vbox
from app.widgets.labels import Label
from app.widgets.step_rail import StepRail
from core.run import runs_folder

if TYPE_CHECKING:  # each is imported when its step is built
    from app.new_run.check_step import CheckStep
    from app.new_run.data_step import DataStep
    from app.new_run.model_step import ModelStep
    from app.new_run.settings_step import SettingsStep

# Each step's key, which is also its attribute of the wizard, and the name that is shown.
_STEPS = {
    "goal": tr("Goal"),
    "data": tr("Data"),
    "model": tr("Model"),
    "settings": tr("Settings"),
    "check": tr("Check and start"),
}
_RECHECK_MS = 250
_ACTION_WIDTH = 160
_FOOT_LINES = 2  # of a reason beside the buttons


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

    `start(run)` when the checked run is to start, `show_methods` for the table of all methods, `show_data_help` for the
    help about data.
    """

    start = Signal(object)
    show_methods = Signal()
    show_data_help = Signal()

    def __init__(self, draft: Draft, jobs: JobQueue | None = None) -> None:
        super().__init__()
        self._draft, self._jobs, self._times = draft, jobs, StepTimes(runs_folder())
        self._built: list[QWidget | None] = [None] * len(_STEPS)
        self.rail = StepRail(list(_STEPS.values()))
        self._furthest_step = 0
        self._back_has_focus_of_start = False  # until Start can be pressed
        self._recheck = QTimer(self, interval=_RECHECK_MS)  # runs while a reason is shown
        self._recheck.timeout.connect(lambda: self._show_reason(self.current.blocked_reason()))
        layout = vbox(self, gap=0)
        top = vbox(margin=0)
        top.setContentsMargins(theme.MARGIN, 14, theme.MARGIN, 10)
        top.addWidget(self.rail)
        layout.addLayout(top)
        self.changes_bar = ChangesBar(draft)
        layout.addWidget(self.changes_bar)
        self.stack = QStackedWidget()
        for _ in _STEPS:
            self.stack.addWidget(QWidget())  # in the place of a step until it is built
        layout.addWidget(self.stack, 1)
        self._foot = self._make_foot()
        layout.addWidget(self._foot)
        self.rail.chosen.connect(self.show_step)
        self.goal.show_methods.connect(self.show_methods)
        self.show_step(0)

    @cached_property
    def goal(self) -> GoalPage:
        return GoalPage(self._draft)

    @cached_property
    def data(self) -> "DataStep":
        from app.new_run.data_step import DataStep

        step = DataStep(self._draft)
        step.show_help.connect(self.show_data_help)
        return step

    @cached_property
    def model(self) -> "ModelStep":
        from app.new_run.model_step import ModelStep

        return ModelStep(self._draft, self._jobs)

    @cached_property
    def settings(self) -> "SettingsStep":
        from app.new_run.settings_step import SettingsStep

        settings = SettingsStep(self._draft, self._jobs, self._times)
        settings.problem_changed.connect(self._show_problem)
        return settings

    @cached_property
    def check(self) -> "CheckStep":
        from app.new_run.check_step import CheckStep

        check = CheckStep(self._draft, self._jobs, self._times)
        check.start.connect(self.start)
        check.can_start.connect(self._hand_on_focus)
        self._actions.addWidget(check.start_button)
        check.go.connect(self.show_place)
        return check

    @property
    def pages(self) -> list[QWidget]:
        """The pages of all steps."""
        return [self._page(index) for index in range(len(_STEPS))]

    def build(self) -> Iterator[None]:
        """Build the steps that are not shown yet, a part at a time, so that going to one takes no time."""
        for index in range(len(_STEPS)):
            if self._built[index] is None:
                self._page(index)
                yield
        while self.settings.prepare():
            yield

    def _page(self, index: int) -> QWidget:
        """The page of a step, built when it is first asked for."""
        page = self._built[index]
        if page is None:
            page = self._built[index] = cast(QWidget, getattr(self, list(_STEPS)[index]))
            place = cast(QWidget, self.stack.widget(index))
            self.stack.insertWidget(index, page)
            self.stack.removeWidget(place)
            place.deleteLater()
        return page

    @property
    def current(self) -> Step:
        """The step that is shown."""
        return cast(Step, self._page(self.stack.currentIndex()))

    def show_step(self, index: int) -> None:
        """Go to a step."""
        self._furthest_step = max(self._furthest_step, index)
        self._page(index)
        self.stack.setCurrentIndex(index)
        self.rail.show_step(index, self._furthest_step)
        self.back_button.setVisible(index > 0)
        self._show_reason("")
        self.current.enter()
        is_last = index == len(_STEPS) - 1  # Start stands where Next did
        main_button = self.check.start_button if is_last else self.next_button
        self._actions.setCurrentWidget(main_button)
        self._back_has_focus_of_start = False
        if self.window().focusWidget() in (None, self._page(index)):  # as Qt leaves it where what had it is gone
            self._back_has_focus_of_start = not main_button.isEnabled()
            (main_button if main_button.isEnabled() else self.back_button).setFocus(Qt.FocusReason.TabFocusReason)

    def _hand_on_focus(self) -> None:
        """Let Start have the keyboard, now that it can be pressed, where Back got it in its place."""
        if self._back_has_focus_of_start and self.back_button.hasFocus():
            reason = Qt.FocusReason.TabFocusReason if self.back_button.shows_focus else Qt.FocusReason.OtherFocusReason
            self.check.start_button.setFocus(reason)
        self._back_has_focus_of_start = False

    def show_named(self, key: str) -> None:
        """Go to the step of this key: "goal", "data", "model", "settings" or "check"."""
        self.show_step(list(_STEPS).index(key))

    def show_place(self, key: str) -> None:
        """Go to the step of this key, or to "problems", which lie in the step of the data."""
        self.show_named("data" if key == "problems" else key)
        if key == "problems":
            self.data.preview.tabs.show_page(self.data.preview.problems)

    def forward(self) -> None:
        """Go to the next step, or show the reason why it has to wait."""
        reason = self.current.blocked_reason()
        if reason:
            self._show_reason(reason)
        else:
            self.show_step(self.stack.currentIndex() + 1)

    def _show_problem(self, reason: str) -> None:
        """Show why the step cannot be left, as soon as it is so."""
        if self._page(self.stack.currentIndex()) is self.settings:
            self._show_reason(reason)

    def _show_reason(self, reason: str) -> None:
        """Show why the next step has to wait, until it no longer has to."""
        self._reason.setText(reason)
        self._foot.arrange()
        if reason:
            self._recheck.start()
        else:
            self._recheck.stop()

    def _make_foot(self) -> "_Foot":
        self.back_button, self.next_button = plain_button(tr("Back")), primary_button(tr("Next"))
        self.drafts, self._actions = DraftMenu(self._draft), QStackedWidget()
        foot = _Foot(self.drafts, self.back_button, self._actions)
        self._reason = foot.reason
        self._actions.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._actions.addWidget(self.next_button)
        self._actions.setFixedSize(_ACTION_WIDTH, self.next_button.sizeHint().height())
        self.back_button.setShortcut(QKeySequence.StandardKey.Back)
        self.next_button.setShortcut(QKeySequence.StandardKey.Forward)
        self.back_button.clicked.connect(lambda: self.show_step(self.stack.currentIndex() - 1))
        self.next_button.clicked.connect(self.forward)
        return foot


class _Foot(QWidget):
    """The strip below the step, with a hairline on top: the drafts, why the next step has to wait, and the buttons. A
    long reason, as in a small window, has a line of its own over them."""

    def __init__(self, drafts: QWidget, back: QWidget, actions: QWidget) -> None:
        super().__init__()
        self.reason = Label(tone="warn")
        self._lines = vbox(self, gap=6)
        self._lines.setContentsMargins(theme.MARGIN, 8, theme.MARGIN, 8)
        self._line, self._others = hbox(gap=12), (drafts, back, actions)
        self._lines.addLayout(self._line)
        for part in self._others:
            self._line.addWidget(part)
        self._line.insertWidget(1, self.reason, 1)
        height = _FOOT_LINES * self.reason.fontMetrics().lineSpacing() + 2  # so that a reason moves nothing
        self._line.insertItem(2, QSpacerItem(0, height, QSizePolicy.Policy.Expanding))  # in the reason's place

    def arrange(self) -> None:
        """Put the reason where it has room."""
        taken = sum(part.sizeHint().width() for part in self._others if not part.isHidden())
        room = self.width() - 2 * theme.MARGIN - taken - 12 * len(self._others)
        lines = self.reason.heightForWidth(max(1, room)) / self.reason.fontMetrics().lineSpacing()
        is_long = round(lines) > _FOOT_LINES
        if is_long and self._line.indexOf(self.reason) >= 0:
            self._lines.insertWidget(0, self.reason)
        elif not is_long and self._line.indexOf(self.reason) < 0:
            self._line.insertWidget(1, self.reason, 1)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(0, 0, self.width(), 1, theme.colours(theme.palette()).separator)
