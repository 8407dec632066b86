"""The list "Use it" over an adapter that is no run of Hone's: one of mlx-lm or PEFT, or one that was copied here."""

from pathlib import Path

from PySide6.QtWidgets import QDialog, QWidget

from app.desktop.language import tr
from app.pages.export import ExportList
from app.runs.job_queue import JobQueue
from app.style import theme
from app.widgets.buttons import plain_button
from app.widgets.card import hbox, vbox
from app.widgets.labels import title
from app.widgets.scroll_page import ScrollPage
from app.widgets.tab_order import TabOrder

_SIZE = (760, 620)


class ExportDialog(TabOrder, QDialog):
    """Stays open while a result is written or served; closing it stops that."""

    def __init__(self, parent: QWidget, jobs: JobQueue, folder: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Use {name}", name=folder.name))
        self.setModal(True)
        self.resize(*_SIZE)
        layout = vbox(self, theme.MARGIN, theme.GRID)
        layout.addWidget(title(folder.name))
        scroll = ScrollPage(margin=0)
        self.list = ExportList(jobs)
        self.list.row_grew.connect(scroll.reveal)
        self.list.use(folder)
        scroll.content_layout.addWidget(self.list)
        scroll.content_layout.addStretch()
        layout.addWidget(scroll, 1)
        row = hbox(gap=8)
        self.close_button = plain_button(tr("Close"))
        self.close_button.clicked.connect(self.reject)
        row.addStretch()
        row.addWidget(self.close_button)
        layout.addLayout(row)
        self.finished.connect(self.list.end)
        self.finished.connect(self.deleteLater)
