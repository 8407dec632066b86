"""The licences of everything that Hone is made from: a list, and the text of the one that is chosen."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QFrame, QListWidget, QSplitter, QWidget

from app.desktop.language import tr
from app.desktop.licenses import License, list_licenses
from app.style import theme
from app.threads.task import Task
from app.widgets.card import card_around, vbox
from app.widgets.focus_ring import FocusRing
from app.widgets.labels import caption
from app.widgets.scrollbar import use_thin_scrollbars
from app.widgets.tab_order import TabOrder
from app.widgets.text_area import ReadOnlyText


class _Parts(FocusRing, QListWidget):
    """Shows the keyboard's focus: it is moved through with the arrows."""


class LicensesWindow(TabOrder, QDialog):
    """Shows each part's licence; it is gone once it is closed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Licences"))
        self.resize(980, 640)
        self.licenses: list[License] = []
        layout = vbox(self, theme.MARGIN, theme.GRID)
        layout.addWidget(caption(tr("Hone is made from these, each under its own licence.")))
        self.parts, self.text = _Parts(), ReadOnlyText(tr("Text of the licence"))
        self.parts.setAccessibleName(tr("Parts of Hone"))
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.setHandleWidth(theme.GRID)
        for view in (self.parts, self.text):
            view.setFrameShape(QFrame.Shape.NoFrame)
            use_thin_scrollbars(view)
            split.addWidget(card_around(view))
        split.setStretchFactor(1, 1)
        split.setSizes([260, 700])
        layout.addWidget(split, 1)
        self.parts.currentRowChanged.connect(self._show_text)
        self.text.setPlainText(tr("Reading the licences…"))
        Task(self, list_licenses, self._show_list)

    def _show_list(self, found: list[License]) -> None:
        self.licenses = found
        self.parts.addItems([f"{part.part} {part.version}" for part in found])
        self.parts.setCurrentRow(0)

    def _show_text(self, row: int) -> None:
        part = self.licenses[row]
        self.text.setPlainText(f"{part.part} {part.version}: {part.name}\n\n{part.text}")
