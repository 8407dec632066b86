"""Step 1: the goal, which chooses the method; what the chosen one needs stands below the cards."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.new_run import goals
from app.new_run.draft import Draft
from app.runs.labels import data_label
from app.style import theme
from app.threads.task import Task
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, column, hbox, vbox
from app.widgets.choice_card import ChoiceCard, ChoiceGroup
from app.widgets.labels import Label, heading, title
from app.widgets.scroll_page import ScrollPage
from core import methods
from core.methods import GoalGroup
from core.run import DEMO

_LOOK_MS = 100  # the window is shown before data are read
_NAME_WIDTH, _ABOUT_HEIGHT = 124, 104
_ADVICE = tr("Choose by what you have: it decides how the model learns.")


class GoalPage(QWidget):
    """Chooses the method by what somebody has. `show_methods` when a person asks for the table of all of them."""

    name = tr("Goal")
    show_methods = Signal()

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        self._looking: Task | None = None
        scroll = ScrollPage()
        outer = vbox(self, gap=0)
        outer.addWidget(scroll, 1)
        page = scroll.content_layout
        page.addWidget(title(tr("What do you have?")))
        self.methods_button = quiet_button(tr("All methods in a table"), "info")
        row = hbox(gap=12)
        self.advice = Label(_ADVICE, tone="secondary")  # what there is to say of the data takes its place
        self.advice.setMinimumHeight(self.advice.fontMetrics().size(0, "Two\nlines").height())
        row.addWidget(self.advice, 1)
        self.set_aside = quiet_button(tr("Use the sample data instead"))
        self.set_aside.clicked.connect(lambda: draft.set("data.path", DEMO))
        self.set_aside.hide()
        row.addWidget(self.set_aside)
        row.addWidget(self.methods_button)
        page.addLayout(row)
        self.cards = ChoiceGroup(columns=2)
        self.cards.setAccessibleName(tr("What do you have?"))
        for section in goals.groups():
            self.cards.add_heading(_section_heading(section.group))
            for key in section.methods:
                self.cards.add(_card(key))
        page.addWidget(self.cards)
        page.addStretch()
        self.about = _About()
        strip = vbox()
        strip.setContentsMargins(theme.MARGIN, theme.GRID, theme.MARGIN, 12)
        strip.addLayout(column(self.about))
        outer.addLayout(strip)
        self.methods_button.clicked.connect(self.show_methods)
        self.cards.chosen.connect(lambda key: draft.set("method", key))
        draft.changed.connect(self._show)
        self._show("")

    def blocked_reason(self) -> str:
        """Why the next step cannot be gone to, or ""."""
        return ""

    def enter(self) -> None:
        """Called when the step is shown: find out which goals the data suit."""
        self._look()

    def _show(self, key: str) -> None:
        self.cards.choose(self._draft.run.method)
        self.about.show_method(self._draft.run.spec)
        if key in ("", "data.path", "data.columns") and self.isVisible():
            self._look()

    def _look(self) -> None:
        if self._looking:
            self._looking.cancel()
            self._looking = None
        if self._draft.run.data.path == DEMO:
            self.show_unsuited({})
        else:
            QTimer.singleShot(_LOOK_MS, self, self._read)

    def _read(self) -> None:
        run = self._draft.run
        self._looking = Task(self, lambda: goals.unsuited_reasons(run), done=self.show_unsuited)

    def show_unsuited(self, reasons: dict[str, str]) -> None:
        """Grey the goals that the data do not suit, each with its reason."""
        for key, card in self.cards.cards.items():
            card.disable(reasons.get(key, ""))
        words = tr("Your data: {name}. Goals that need other data are grey.", name=data_label(self._draft.run))
        self.advice.setText(words if reasons else _ADVICE)
        self.advice.set_tone("text" if reasons else "secondary")
        self.set_aside.setVisible(bool(reasons))


def _section_heading(group: GoalGroup) -> QWidget:
    """The group's title and its sentence."""
    widget = QWidget()
    layout = hbox(widget, gap=10)
    layout.setContentsMargins(0, theme.GRID, 0, 0)
    layout.addWidget(heading(tr(group.title)))
    layout.addWidget(Label(tr(group.sentence), tone="secondary"), 1)
    return widget


class _About(Card):
    """The chosen method: what it does, what it needs, what it costs. Its place and height stay while one chooses."""

    def __init__(self) -> None:
        super().__init__()
        layout = vbox(self, 12, 4)
        layout.setContentsMargins(16, 10, 16, 10)
        self.heading = heading("")
        layout.addWidget(self.heading)
        self.lines = {}
        for name in (tr("You need"), tr("Memory and time")):
            row = hbox(gap=12)
            label = Label(name, tone="secondary", wrap=False)
            label.setFixedWidth(_NAME_WIDTH)
            self.lines[name] = Label()
            row.addWidget(label, 0, Qt.AlignmentFlag.AlignTop)
            row.addWidget(self.lines[name], 1)
            layout.addLayout(row)
        layout.addStretch()
        self.setFixedHeight(_ABOUT_HEIGHT)

    def show_method(self, spec: methods.Method) -> None:
        self.heading.setText(tr(spec.title))
        self.lines[tr("You need")].setText(tr(spec.needs))
        self.lines[tr("Memory and time")].setText(tr(spec.cost))
        self.setAccessibleName(
            tr(
                "{title}. You need: {needs} Memory and time: {cost}",
                title=tr(spec.title),
                needs=tr(spec.needs),
                cost=tr(spec.cost),
            )
        )


def _card(key: str) -> ChoiceCard:
    """A goal: its title and one line."""
    spec = methods.load()[key]
    return ChoiceCard(key, tr(spec.goal), first_sentence(tr(spec.summary)), corner=tr(spec.title))


def first_sentence(text: str) -> str:
    """The first sentence of a text."""
    first, mark, _ = text.partition(". ")
    return first + "." if mark else text
