"""The Result tab of a run that is over: the verdict, answers before and after, and a question to both."""

from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from app import folders, story, theme
from app.jobs import Jobs
from app.record import Record
from app.run_thread import talking
from app.widgets.answers import Answers
from app.widgets.ask import AskBoth
from app.widgets.buttons import plain
from app.widgets.card import Card, column, row
from app.widgets.scroll import Scroll
from app.widgets.text import Glyph, Text, caption, heading
from core.events import Finished
from core.run import Run

_NAMES = {"exact_match": "Exactly as in the data", "valid_json": "Valid JSON"}
_CLEAR = 0.01  # a smaller change of the held-out loss is none


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
        page.addStretch()

    def show_result(self, run: Run, record: Record, folder: Path) -> None:
        """Show how a run ended."""
        finished = record.finished
        if finished is None:
            return
        self._folder = folder
        self.verdict.setText(finished.message)
        icon, tone = _mood(finished)
        self._glyph.show_icon(icon, tone)
        self._card.set_tone("good" if tone == "good" else "")
        self.figures.setText("    ".join(figures(record, finished)))
        self._before_after.setVisible(bool(record.samples))
        self.answers.setVisible(bool(record.samples))
        self.answers.show_samples(record.samples)
        self.ask.setVisible((folder / "adapters.safetensors").is_file())
        self.ask.use(talking(run, str(folder)))

    def _reveal(self) -> None:
        if self._folder is not None:
            folders.reveal(self._folder)

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
        self.reveal = plain(folders.WORDS, "folder")
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
    found = []
    for name, after in finished.metrics_after.items():
        before = finished.metrics_before.get(name)
        if not after and not before:
            continue  # free text is never word for word as in the data
        words = _NAMES.get(name, name.replace("_", " ").capitalize())
        found.append(f"{words}: {before:.0%} → {after:.0%}" if before is not None else f"{words}: {after:.0%}")
    found.append(f"{finished.step:,} steps in {story.duration(finished.seconds)}")
    if record.started:
        found.append(f"{record.started.trainable_parameters:,} of {record.started.total_parameters:,} weights trained")
    return found


def _mood(finished: Finished) -> tuple[str, str]:
    """(icon, tone): good only where the held-out rows say so."""
    if finished.reason == "failed":
        return "bad", "bad"
    before, after = finished.loss_before, finished.loss_after
    if before is None or after is None:
        return "info", "accent_text"
    if after < before * (1 - _CLEAR):
        return "ok", "good"
    return ("warn", "warn") if after > before * (1 + _CLEAR) else ("info", "accent_text")
