"""The Result tab of a run that is over: the verdict, answers before and after training, a question, and export."""

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.desktop import reveal
from app.desktop.language import keep_together, localize, tr
from app.pages.ask_both import AskBothCard
from app.pages.export import ExportList
from app.runs import status_text
from app.runs.job_queue import JobQueue
from app.runs.record import RunRecord
from app.style import theme
from app.threads.run_thread import chat_opener
from app.widgets.answers import AnswerPairs
from app.widgets.buttons import plain_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.flow_layout import FlowLayout
from app.widgets.fold_button import FoldButton
from app.widgets.labels import IconLabel, Label, caption, heading
from app.widgets.scroll_page import ScrollPage
from core.events import Finished, Sample
from core.methods import SHARE
from core.run import Run
from core.training import forgetting, result_metrics, verdict

# Free text never matches word for word: a share of zero both before and after training says nothing.
_ZERO_IN_FREE_TEXT = ("exact_match", "valid_json")
_GENERAL = 12  # general questions that are shown at once


class ResultPage(QWidget):
    """`train_again` when a person wants to change a setting and train anew, `chat` to talk to the model."""

    train_again = Signal()
    chat = Signal()

    def __init__(self, jobs: JobQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder: Path | None = None
        self.tone = ""  # of the verdict
        scroll = ScrollPage(in_tab=True)
        vbox(self).addWidget(scroll)
        page = scroll.content_layout
        page.setSpacing(theme.GRID + 4)
        page.addWidget(self._build_verdict_card())
        self.ask = AskBothCard(jobs)
        self.ask.content_added.connect(
            lambda: QTimer.singleShot(0, self, lambda: scroll.ensureWidgetVisible(self.ask, 0, 8))
        )
        self._answers_heading = heading("")
        page.addWidget(self._answers_heading)
        self.answers = AnswerPairs(first=1)
        page.addWidget(self.answers)
        page.addWidget(self.ask)
        self.use_it = ExportList(jobs)
        self.use_it.row_grew.connect(scroll.reveal)
        self.use_it.listed.connect(self._show_filled)
        self._scroll, self._wants_use_it = scroll, False
        page.addWidget(self.use_it)
        self.general = AnswerPairs(first=_GENERAL)
        self.general_button = FoldButton("", self.general)
        self.general_button.clicked.connect(lambda: scroll.show_from(self.general_button))
        page.addWidget(self.general_button, 0, Qt.AlignmentFlag.AlignLeft)
        page.addWidget(self.general)
        page.addStretch()

    def show_result(self, run: Run, record: RunRecord, folder: Path) -> None:
        """Show the verdict, answers and export of a run that has finished."""
        finished = record.finished
        if finished is None:
            return
        self._folder = folder
        self.verdict.setText(tr(finished.message))
        self.tone = verdict.tone(run, finished)
        self._icon.show_icon(*_ICONS[self.tone])
        self.verdict.setAccessibleDescription(_WORDS[self.tone])
        self._verdict_card.set_tone(self.tone if self.tone in ("good", "warn") else "")
        self.figures.setText("   ".join(keep_together(words) + " " for words in format_figures(record, finished)))
        is_held_out = record.started is None or record.started.eval_rows > 0
        self._answers_heading.setText(
            tr("Before and after, on questions it has not studied")
            if is_held_out
            else tr("Before and after, on questions it has learned from")
        )
        self._answers_heading.setVisible(bool(record.samples))
        self.answers.setVisible(bool(record.samples))
        self.answers.show_samples(record.samples)
        self._show_general(forgetting.read(folder))
        has_adapter = (folder / "adapters.safetensors").is_file()
        self.ask.setVisible(has_adapter)
        self.chat_button.setVisible(has_adapter)
        self.use_button.setVisible(has_adapter)
        self.use_it.setVisible(has_adapter)
        if has_adapter:
            self.use_it.use(folder, run.backend)
        self.ask.use(chat_opener(run, str(folder)))

    def _show_general(self, record: forgetting.Record | None) -> None:
        """Show the answers to general questions that changed; those that stayed as they were cost nothing."""
        everything = record.answers() if record else []
        answers = [answer for answer in everything if answer[1] != answer[2]]
        count = tr("What it cost: {changed} of {count} answers to general questions changed", changed=len(answers),
                   count=len(everything))  # fmt: skip
        self.general_button.setText(count)
        self.general_button.setVisible(bool(answers))
        self.general_button.setChecked(False)
        samples = {
            i: [Sample(0, "before", i, question, before), Sample(0, "after", i, question, after)]
            for i, (question, before, after) in enumerate(answers)
        }
        self.general.show_samples(samples)

    def show_use_it(self) -> None:
        """Bring the list of places for the result into view, its top first."""

        self._scroll.show_from(self.use_it)
        self._wants_use_it = not self.use_it.rows  # once it is filled

    def _go_to_use_it(self) -> None:
        """Bring the list into view, with the keyboard on its first button."""
        self.show_use_it()
        if first := next(iter(self.use_it.rows.values()), None):
            first.button.setFocus()

    def _show_filled(self) -> None:
        if self._wants_use_it:
            self.show_use_it()

    def _reveal_folder(self) -> None:
        if self._folder is not None:
            reveal.reveal(self._folder)

    def _build_verdict_card(self) -> Card:
        self._verdict_card = Card()
        layout = hbox(self._verdict_card, 18, 14)
        self._icon = IconLabel("ok", "good", 28)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        text_layout = vbox(gap=6)
        self.verdict = Label("", bold=True, selectable=True)
        font = theme.font("body", bold=True)
        font.setPixelSize(round(font.pixelSize() * 1.25))
        self.verdict.setFont(font)
        self.figures = Label("", tone="secondary", figures=True, selectable=True)
        text_layout.addWidget(self.verdict)
        text_layout.addWidget(self.figures)
        buttons = FlowLayout()
        self.chat_button = plain_button(tr("Chat with it"), "chat")
        self.chat_button.clicked.connect(self.chat)
        buttons.addWidget(self.chat_button)
        self.use_button = plain_button(tr("Use it"), "down")
        self.use_button.clicked.connect(self._go_to_use_it)
        buttons.addWidget(self.use_button)
        self.reveal = plain_button(reveal.REVEAL_LABEL, "folder")
        self.again_button = plain_button(tr("Run again with a change…"), "reset")
        self.reveal.clicked.connect(self._reveal_folder)
        self.again_button.clicked.connect(self.train_again)
        buttons.addWidget(self.reveal)
        buttons.addWidget(self.again_button)
        text_layout.addSpacing(4)
        text_layout.addLayout(buttons)
        text_layout.addWidget(caption(tr("The adapter lies in the run's folder, in the format that mlx-lm loads.")))
        layout.addLayout(text_layout, 1)
        return self._verdict_card


def format_figures(record: RunRecord, finished: Finished) -> list[str]:
    """The numbers behind the verdict, each in a few words: metrics before and after training, steps, weights."""
    before, after = finished.metrics_before, finished.metrics_after
    metrics = {name: v for name, v in after.items() if name not in _ZERO_IN_FREE_TEXT or v or before.get(name)}
    shares = {name: v for name, v in metrics.items() if result_metrics.describe_metric(name).unit == SHARE}
    metrics = shares or metrics  # the others are on the charts, and mean little by themselves
    figures = [f"{tr(title)}: {localize(change)}" for title, change in result_metrics.format_metrics(before, metrics)]
    figures.append(
        tr("{steps:,} steps in {duration}", steps=finished.step, duration=status_text.format_duration(finished.seconds))
    )
    if record.started:
        figures.append(
            tr(
                "{trained:,} of {total:,} weights trained",
                trained=record.started.trainable_parameters,
                total=record.started.total_parameters,
            )
        )
    return figures


# (icon, colour) of the verdict by its tone.
_ICONS = {"good": ("ok", "good"), "warn": ("warn", "warn"), "bad": ("bad", "bad"), "info": ("info", "accent_text")}
# What they say to who does not see them.
_WORDS = {
    "good": tr("Verdict: better than before"),
    "warn": tr("Verdict: with a reservation"),
    "bad": tr("Verdict: failed"),
    "info": tr("Verdict: no clear change"),
}
