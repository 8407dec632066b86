"""The chosen model, where it is not on this computer: what its download takes, and the download itself."""

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices

from app.desktop.language import tr
from app.new_run.model_check import GATED
from app.new_run.token_dialog import TokenDialog
from app.style import theme
from app.threads import model_library
from app.threads.task import Task
from app.widgets.buttons import plain_button, primary_button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import Label, heading
from app.widgets.progress_bar import ThinProgressBar
from core.errors import Gated
from core.events import Phase

WAITING, RUNNING, PAUSED, FAILED = "waiting", "running", "paused", "failed"


class DownloadCard(Card):
    """`arrived(id)` once the model is here. `state` is WAITING, RUNNING, PAUSED or FAILED."""

    arrived = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.model_id, self.state = "", WAITING
        self._task: Task | None = None
        self._page = ""  # of a gated model
        layout = vbox(self, 14, theme.GRID)
        self._title = heading("")
        self.sentence = Label("", selectable=True)
        self.bar = ThinProgressBar(tr("Progress of the download"))
        for part in (self._title, self.sentence, self.bar):
            layout.addWidget(part)
        self.start_button = primary_button(tr("Download now"), "down")
        self.pause_button = plain_button(tr("Pause"))
        self.cancel_button = quiet_button(tr("Cancel"))
        self.page_button = plain_button(tr("Open its page"))
        self.token_button = plain_button(tr("Access token…"))
        row = hbox(gap=8)
        for button in (
            self.start_button, self.pause_button, self.page_button, self.token_button, self.cancel_button
        ):  # fmt: skip
            row.addWidget(button)
        row.addStretch()
        layout.addLayout(row)
        self.start_button.clicked.connect(self.start)
        self.pause_button.clicked.connect(self.pause)
        self.cancel_button.clicked.connect(self.cancel)
        self.page_button.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(self._page)))
        self.token_button.clicked.connect(lambda: TokenDialog(self.window()).open())
        self.hide()

    @property
    def is_busy(self) -> bool:
        """Whether a download is under way or paused: it stays in sight whatever is chosen."""
        return self.state in (RUNNING, PAUSED)

    def offer(self, model_id: str, sentence: str, page: str = "") -> None:
        """Show a model that can be downloaded, unless another's download is under way; `page`: of a gated one."""
        if self.is_busy and model_id != self.model_id:
            return
        if not self.is_busy:
            self.model_id, self._page = model_id, page
            self._show(WAITING, sentence)
        self.show()

    def dismiss(self) -> None:
        """Hide, unless a download is under way."""
        self.setVisible(self.is_busy)

    def start(self) -> None:
        """Begin the download, or go on with it."""
        name = self.model_id
        self._page = ""
        self._show(RUNNING, tr("Asking the Hugging Face Hub…"))
        self.bar.show_share(None)
        self._task = Task(
            self, lambda: model_library.download_model(name), self._finish, self._fail, progress=self._show_progress
        )

    def pause(self) -> None:
        """Stop for now; what is here stays, and the download goes on from there."""
        self._stop()
        self._show(PAUSED, tr("Paused. {progress}", progress=self.sentence.text()))

    def cancel(self) -> None:
        """Stop, and remove what is here of it."""
        self._stop()
        self._show(WAITING, tr("The download was cancelled, and what was here of it is removed."))
        name = self.model_id
        Task(self, lambda: model_library.discard_download(name), failed=self.sentence.setText)

    def _stop(self) -> None:
        if self._task:
            self._task.cancel()
        self._task = None

    def _show_progress(self, item: Phase | Gated) -> None:
        if isinstance(item, Gated):
            self._page = item.url
            self._show(FAILED, GATED)
            return
        self.sentence.setText(tr(item.detail).removeprefix(f"{self.model_id}: "))
        self.bar.show_share(item.fraction)

    def _finish(self, _: object) -> None:
        self._task = None
        if self.state == RUNNING:  # a gated model ends without having come
            self.state = WAITING
            self.hide()
            self.arrived.emit(self.model_id)

    def _fail(self, sentence: str) -> None:
        self._task = None
        self._show(FAILED, sentence)

    def _show(self, state: str, sentence: str) -> None:
        self.state = state
        titles = {
            WAITING: tr("{name} is not on this computer yet", name=self.model_id),
            RUNNING: tr("Downloading {name}", name=self.model_id),
            PAUSED: tr("{name}: the download is paused", name=self.model_id),
            FAILED: tr("{name} could not be downloaded", name=self.model_id),
        }
        labels = {WAITING: tr("Download now"), PAUSED: tr("Go on"), FAILED: tr("Try again")}
        self.set_tone({FAILED: "bad", WAITING: "", RUNNING: "", PAUSED: ""}[state])
        self._title.setText(titles[state])
        self.sentence.setText(sentence)
        self.start_button.setText(labels.get(state, self.start_button.text()))
        self.start_button.setVisible(state != RUNNING)
        self.pause_button.setVisible(state == RUNNING)
        self.cancel_button.setVisible(state in (RUNNING, PAUSED))
        self.bar.setVisible(state in (RUNNING, PAUSED))
        self.page_button.setVisible(bool(self._page))
        self.token_button.setVisible(bool(self._page))
        self.updateGeometry()
