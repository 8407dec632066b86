"""Save as a model: the trained model, or its adapter, in a new folder that other programs load."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog

from app.desktop import preferences, reveal
from app.desktop.language import tr
from app.runs.job_queue import JobQueue
from app.threads import core_calls
from app.threads.task import Task
from app.widgets.allow_code import ask_to_allow
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.labels import Label, caption, heading
from app.widgets.notice import Notice
from app.widgets.progress_bar import ThinProgressBar
from core.events import Event, Phase, Saved, Warned
from core.quant.modes import MODES, UNPACKED
from core.run import Run

PEFT = "peft"  # the adapter alone, for other programs
BUSY = tr("A run is training. Save the model when it is done.")

_KINDS = {
    UNPACKED: (
        tr("The whole model, as exact as it came"),
        tr("Model and adapter in one, in the layout of Hugging Face."),
    ),
    **{
        name: (
            tr("The whole model in {title}", title=tr(mode.title)),
            tr("{summary} Its loss is measured again and told.", summary=tr(mode.summary)),
        )
        for name, mode in MODES.items()
        if mode.mlx and name in ("affine-8", "affine-4", "mxfp4")
    },
    PEFT: (
        tr("The adapter for PEFT"),
        tr("The few trained weights alone, for programs that load the model beside them."),
    ),
}


class ExportCard(Card):
    """Chooses what to write, and writes it in the background. `content_added` when it grows in height."""

    content_added = Signal()

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._folder: Path | None = None
        self._run: Run | None = None
        self._saved_folder: Path | None = None
        self._warnings: list[str] = []
        self._task: Task | None = None
        layout = vbox(self, 14, 10)
        layout.addWidget(heading(tr("Save as a model")))
        kind_row = hbox(gap=8)
        self.kind = ComboBox(tr("What to save"), 30)
        for key, (title, _) in _KINDS.items():
            self.kind.addItem(title, key)
        self.button = plain_button(tr("Save…"), "save")
        self.stop = quiet_button(tr("Stop"), "stop")
        self.stop.hide()
        for part in (self.kind, self.button, self.stop):
            kind_row.addWidget(part)
        kind_row.addStretch()
        layout.addLayout(kind_row)
        self.description = caption()
        layout.addWidget(self.description)
        self.reason = caption()
        layout.addWidget(self.reason)
        self.phase = Label(tone="secondary")
        self.bar = ThinProgressBar(tr("Saving"))
        layout.addWidget(self.phase)
        layout.addWidget(self.bar)
        self.notice = Notice()
        self.reveal = plain_button(reveal.REVEAL_LABEL, "folder")
        self.reveal.clicked.connect(self._reveal_folder)
        self.notice.add_action(self.reveal)
        layout.addWidget(self.notice)
        self.kind.currentIndexChanged.connect(self._update_description)
        self.button.clicked.connect(self.choose)
        self.stop.clicked.connect(self.cancel)
        self._update_description()
        self._show_busy(False)
        jobs.current_changed.connect(self._update_button)

    def use(self, run: Run, folder: Path) -> None:
        """Save the model of this run, whose folder this is, from now on."""
        self._run, self._folder = run, folder
        index = self.kind.findData(PEFT)
        if run.adapter.type == "full" and index >= 0:
            self.kind.removeItem(index)  # there is no adapter

    def choose(self) -> None:
        """Ask for the new folder, and write to it."""
        if self._run is None:
            return
        name = f"{Path(self._run.output or 'model').name}-{self.kind.currentData().replace(UNPACKED, 'model')}"
        start = str(Path(preferences.last_folder()) / name)
        # It is a folder, which export refuses to overwrite; the system's question would be an alert of its own.
        options = QFileDialog.Option.DontConfirmOverwrite
        path, _ = QFileDialog.getSaveFileName(self, tr("A new folder for the model"), start, options=options)
        if path:
            preferences.set_last_folder(str(Path(path).parent))
            self.save(Path(path))

    def save(self, destination: Path) -> None:
        """Write to a new folder, in the background."""
        if self._jobs.current is not None:
            self.notice.show_message(BUSY, tone="warn")
            self.reveal.hide()
            return
        assert self._run is not None and self._folder is not None
        # Its reward file does not run here.
        if ask_to_allow(self, Run().replace("model.path", self._run.model.path)) is None:
            self.notice.show_message(tr("The model's own code has not been allowed to run."), tone="warn")
            self.reveal.hide()
            return
        self._jobs.end_chat()
        self._warnings, self._saved_folder = [], None
        self.notice.hide()
        self._show_busy(True)
        folder, kind, run = self._folder, self.kind.currentData(), self._run

        def work() -> Any:
            if kind == PEFT:
                return core_calls.save_for_peft(folder, destination)
            return core_calls.save_model(folder, destination, kind, run.backend)

        self._task = Task(self, work, done=self._show_success, failed=self._show_failure, progress=self._show_event)

    def cancel(self) -> None:
        """Stop after the present piece; nothing is left in the new folder."""
        if self._task is not None:
            self._task.cancel()
        self._show_busy(False)

    def _show_event(self, event: Event) -> None:
        if isinstance(event, Phase):
            self.phase.setText(event.name)
            self.bar.show_share(event.fraction)
        elif isinstance(event, Warned):
            self._warnings.append(event.message)
        elif isinstance(event, Saved):
            self._saved_folder = Path(event.path)

    def _show_success(self, _: object) -> None:
        self._show_busy(False)
        if self._saved_folder is not None:
            self.reveal.show()
            self.notice.show_message(
                tr("Saved as {name}.", name=self._saved_folder.name), " ".join(self._warnings), "good"
            )
        self.content_added.emit()

    def _show_failure(self, sentence: str) -> None:
        self._show_busy(False)
        self.reveal.hide()
        self.notice.show_message(sentence)
        self.content_added.emit()

    def _reveal_folder(self) -> None:
        if self._saved_folder is not None:
            reveal.reveal(self._saved_folder)

    def _update_description(self) -> None:
        self.description.setText(_KINDS[self.kind.currentData()][1])

    def _update_button(self) -> None:
        """Saving needs the memory that a run in training has, so it waits for the run, and says so."""
        is_training = self._jobs.current is not None
        self.button.setEnabled(not self._is_busy and not is_training)
        self.button.setToolTip(BUSY if is_training else "")
        self.reason.setText(BUSY)
        self.reason.setVisible(is_training)

    def _show_busy(self, busy: bool) -> None:
        for part in (self.phase, self.bar, self.stop):
            part.setVisible(busy)
        self.phase.setText(tr("Getting ready"))
        self.bar.show_share(None)
        self._is_busy = busy
        self._update_button()
        self.kind.setEnabled(not busy)
        if busy:
            self.content_added.emit()
