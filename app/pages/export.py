"""Save as a model: what was trained, written as a folder that other programs load, and checked afterwards."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog

from app.desktop import preferences, reveal
from app.runs.job_queue import Jobs
from app.threads import core_calls
from app.threads.task import Task
from app.widgets.buttons import plain, quiet
from app.widgets.card import Card, column, row
from app.widgets.combo_box import Combo
from app.widgets.labels import Text, caption, heading
from app.widgets.notice import Notice
from app.widgets.progress_bar import ThinBar
from core.events import Event, Phase, Saved, Warned
from core.quant.modes import MODES, UNPACKED
from core.run import Run

PEFT = "peft"  # the adapter alone, for other programs
WAIT = "A run is training. Save the model when it is done."

_WORDS = {
    UNPACKED: ("The whole model, as exact as it came", "Model and add-on in one, in the layout of Hugging Face."),
    **{
        name: (f"The whole model in {mode.title}", f"{mode.summary} Its loss is measured again and told.")
        for name, mode in MODES.items()
        if mode.mlx and name in ("affine-8", "affine-4", "mxfp4")
    },
    PEFT: ("The add-on for PEFT", "The few trained weights alone, for programs that load the model beside them."),
}


class SaveAs(Card):
    """Writes in the background. `grown` when there is more to see."""

    grown = Signal()

    def __init__(self, jobs: Jobs) -> None:
        super().__init__()
        self._jobs = jobs
        self._folder: Path | None = None
        self._run: Run | None = None
        self._written: Path | None = None
        self._told: list[str] = []
        self._task: Task | None = None
        layout = column(self, 14, 10)
        layout.addWidget(heading("Save as a model"))
        line = row(gap=8)
        self.kind = Combo("What to save", 30)
        for key, (words, _) in _WORDS.items():
            self.kind.addItem(words, key)
        self.button = plain("Save…", "save")
        self.stop = quiet("Stop", "stop")
        self.stop.hide()
        for part in (self.kind, self.button, self.stop):
            line.addWidget(part)
        line.addStretch()
        layout.addLayout(line)
        self.about = caption()
        layout.addWidget(self.about)
        self.phase = Text(tone="secondary")
        self.bar = ThinBar("Saving")
        layout.addWidget(self.phase)
        layout.addWidget(self.bar)
        self.notice = Notice()
        self.reveal = plain(reveal.REVEAL_LABEL, "folder")
        self.reveal.clicked.connect(self._reveal)
        self.notice.add_action(self.reveal)
        layout.addWidget(self.notice)
        self.kind.currentIndexChanged.connect(self._explain)
        self.button.clicked.connect(self.choose)
        self.stop.clicked.connect(self.cancel)
        self._explain()
        self._show_busy(False)

    def use(self, run: Run, folder: Path) -> None:
        """Save what lies in this run's folder."""
        self._run, self._folder = run, folder
        view = self.kind.findData(PEFT)
        if run.adapter.type == "full" and view >= 0:
            self.kind.removeItem(view)  # there is no add-on

    def choose(self) -> None:
        """Ask where to, and write."""
        if self._run is None:
            return
        name = f"{Path(self._run.output or 'model').name}-{self.kind.currentData().replace(UNPACKED, 'model')}"
        start = str(Path(preferences.last_folder()) / name)
        path, _ = QFileDialog.getSaveFileName(self, "A new folder for the model", start)
        if path:
            preferences.set_last_folder(str(Path(path).parent))
            self.save(Path(path))

    def save(self, goal: Path) -> None:
        """Write to a new folder, in the background."""
        if self._jobs.current is not None:
            self.notice.say(WAIT, tone="warn")
            self.reveal.hide()
            return
        assert self._run is not None and self._folder is not None
        self._jobs.end_chat()
        self._told, self._written = [], None
        self.notice.hide()
        self._show_busy(True)
        folder, kind, run = self._folder, self.kind.currentData(), self._run

        def work() -> Any:
            if kind == PEFT:
                return core_calls.save_for_peft(folder, goal)
            return core_calls.save_model(folder, goal, kind, run.backend, run.model.allow_code)

        self._task = Task(self, work, done=self._done, failed=self._failed, progress=self._came)

    def cancel(self) -> None:
        """Stop at the next piece; nothing stays behind."""
        if self._task is not None:
            self._task.drop()
        self._show_busy(False)

    def _came(self, event: Event) -> None:
        if isinstance(event, Phase):
            self.phase.setText(event.name)
            self.bar.show_share(event.fraction)
        elif isinstance(event, Warned):
            self._told.append(event.message)
        elif isinstance(event, Saved):
            self._written = Path(event.path)

    def _done(self, _: object) -> None:
        self._show_busy(False)
        if self._written is not None:
            self.reveal.show()
            self.notice.say(f"Saved as {self._written.name}.", " ".join(self._told), "good")
        self.grown.emit()

    def _failed(self, sentence: str) -> None:
        self._show_busy(False)
        self.reveal.hide()
        self.notice.say(sentence)
        self.grown.emit()

    def _reveal(self) -> None:
        if self._written is not None:
            reveal.reveal(self._written)

    def _explain(self) -> None:
        self.about.setText(_WORDS[self.kind.currentData()][1])

    def _show_busy(self, busy: bool) -> None:
        for part in (self.phase, self.bar, self.stop):
            part.setVisible(busy)
        self.phase.setText("Getting ready")
        self.bar.show_share(None)
        self.button.setEnabled(not busy)
        self.kind.setEnabled(not busy)
        if busy:
            self.grown.emit()
