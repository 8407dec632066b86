"""The Result tab of a run that is over: the verdict, answers before and after, and a question to both."""

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app.desktop import reveal
from app.pages.ask_both import AskBoth
from app.pages.export import SaveAs
from app.runs import status_text
from app.runs.job_queue import Jobs
from app.runs.record import Record
from app.style import theme
from app.threads.run_thread import talking
from app.widgets.answers import Answers
from app.widgets.buttons import plain
from app.widgets.card import Card, column, row
from app.widgets.labels import Glyph, Text, caption, heading
from app.widgets.scroll_page import Scroll
from core.events import Finished
from core.methods import SHARE
from core.run import Run
from core.training import report

_FREE = ("exact_match", "valid_json")  # zero of them before and after says nothing: free text is never word for word


class ResultPage(QWidget):
    """`again` to change something and train anew."""

    again = Signal()

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self._folder: Path | None = None
        scroll = Scroll(margin=0)
        column(self).addWidget(scroll)
        page = scroll.column
        page.setSpacing(theme.GRID + 4)
        page.addWidget(self._verdict_card())
        self.ask = AskBoth(jobs)
        self.ask.grown.connect(lambda: QTimer.singleShot(0, self, lambda: scroll.ensureWidgetVisible(self.ask, 0, 8)))
        self._before_after = heading("Before and after, on questions it has not studied")
        page.addWidget(self._before_after)
        self.answers = Answers()
        page.addWidget(self.answers)
        page.addWidget(self.ask)
        self.save = SaveAs(jobs)
        self.save.grown.connect(lambda: QTimer.singleShot(0, self, lambda: scroll.ensureWidgetVisible(self.save, 0, 8)))
        page.addWidget(self.save)
        page.addStretch()

    def show_result(self, run: Run, record: Record, folder: Path) -> None:
        """Show how a run ended."""
        finished = record.finished
        if finished is None:
            return
        self._folder = folder
        self.verdict.setText(finished.message)
        icon, tone = _mood(run, finished)
        self._glyph.show_icon(icon, tone)
        self._card.set_tone("good" if tone == "good" else "")
        self.figures.setText("    ".join(figures(record, finished)))
        self._before_after.setVisible(bool(record.samples))
        self.answers.setVisible(bool(record.samples))
        self.answers.show_samples(record.samples)
        kept = (folder / "adapters.safetensors").is_file()
        self.ask.setVisible(kept)
        self.save.setVisible(kept)
        self.save.use(run, folder)
        self.ask.use(talking(run, str(folder)))

    def _reveal(self) -> None:
        if self._folder is not None:
            reveal.reveal(self._folder)

    def _verdict_card(self) -> Card:
        self._card = Card()
        layout = row(self._card, 18, 14)
        self._glyph = Glyph("ok", "good", 28)
        layout.addWidget(self._glyph, 0, Qt.AlignmentFlag.AlignTop)
        words = column(gap=6)
        self.verdict = Text("", bold=True, selectable=True)
        font = theme.font("body", bold=True)
        font.setPixelSize(round(font.pixelSize() * 1.25))
        self.verdict.setFont(font)
        self.figures = Text("", tone="secondary", figures=True, selectable=True)
        words.addWidget(self.verdict)
        words.addWidget(self.figures)
        buttons = row(gap=8)
        self.reveal = plain(reveal.REVEAL_LABEL, "folder")
        self.again_button = plain("Train again with a change", "reset")
        self.reveal.clicked.connect(self._reveal)
        self.again_button.clicked.connect(self.again)
        buttons.addWidget(self.reveal)
        buttons.addWidget(self.again_button)
        buttons.addStretch()
        words.addSpacing(4)
        words.addLayout(buttons)
        words.addWidget(caption("The adapter lies in the run's folder, in the format that mlx-lm loads."))
        layout.addLayout(words, 1)
        return self._card


def figures(record: Record, finished: Finished) -> list[str]:
    """The numbers behind the verdict, each in a few words."""
    before, after = finished.metrics_before, finished.metrics_after
    telling = {name: v for name, v in after.items() if name not in _FREE or v or before.get(name)}
    shares = {name: v for name, v in telling.items() if report.describe_metric(name).unit == SHARE}
    telling = shares or telling  # the others are on the charts, and mean little by themselves
    found = [f"{name}: {shown}" for name, shown in report.format_metrics(before, telling)]
    found.append(f"{finished.step:,} steps in {status_text.format_duration(finished.seconds)}")
    if record.started:
        found.append(f"{record.started.trainable_parameters:,} of {record.started.total_parameters:,} weights trained")
    return found


def _mood(run: Run, finished: Finished) -> tuple[str, str]:
    """(icon, tone): good only where the held-out rows say so."""
    if finished.reason == "failed":
        return "bad", "bad"
    found = report.outcome(run, finished)
    return {1: ("ok", "good"), -1: ("warn", "warn")}.get(found or 0, ("info", "accent_text"))
