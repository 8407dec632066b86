"""A quiet table: no grid, room to breathe, whole rows."""

from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView

from app import theme


class Table(QTableView):
    """A read-only table. `stretch` is the column that takes the room that is left, `widths` those of the others."""

    def __init__(self, model: QAbstractItemModel, name: str, widths: dict[int, int], row_height: int = 32) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(row_height)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setFont(theme.font("caption", bold=True))
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(48)
        self.arrange(widths)

    def arrange(self, widths: dict[int, int]) -> None:
        """Give columns fixed widths; the others share the rest evenly."""
        header = self.horizontalHeader()
        for i in range(self.model().columnCount()):
            if i in widths:
                header.setSectionResizeMode(i, QHeaderView.ResizeMode.Interactive)
                header.resizeSection(i, widths[i])
            else:
                header.setSectionResizeMode(i, QHeaderView.ResizeMode.Stretch)
