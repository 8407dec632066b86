"""The main window: the sidebar, the pages, and what may be dropped on them."""

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QWidget

from app import icons
from app.draft import Draft
from app.drops import Meaning, meaning
from app.sidebar import Sidebar
from app.widgets.card import row
from app.widgets.overlay import DropOverlay
from app.wizard.wizard import Wizard


class MainWindow(QMainWindow):
    """Puts the parts together."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("Hone")
        self.setWindowIcon(icons.app_icon())
        self.setMinimumSize(900, 600)
        self.resize(1280, 800)
        self.setAcceptDrops(True)
        self.draft = Draft(self)
        self.sidebar, self.stack = Sidebar(), QStackedWidget()
        self.wizard = Wizard(self.draft)
        self.stack.addWidget(self.wizard)
        central = QWidget()
        layout = row(central, gap=0)
        layout.addWidget(self.sidebar)
        layout.addWidget(self.stack, 1)
        self.setCentralWidget(central)
        self.overlay = DropOverlay(central)
        self.sidebar.choose("new")
        QTimer.singleShot(50, self.wizard.goal.machine.look)

    def open_files(self, files: list[Path]) -> None:
        for path in files:
            self._open(path, meaning(path))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        urls = [u for u in event.mimeData().urls() if u.isLocalFile()]
        if not urls:
            return
        what = meaning(Path(urls[0].toLocalFile()))
        self.overlay.announce(what.sentence, bool(what.kind))
        event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        self.overlay.hide()
        self.open_files([Path(u.toLocalFile()) for u in event.mimeData().urls() if u.isLocalFile()])

    def _open(self, path: Path, what: Meaning) -> None:
        if what.kind == "data":
            self.draft.set("data.path", str(path))
            self.wizard.show_named("Data")
