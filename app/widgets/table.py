"""A quiet table: no grid, room to breathe, whole rows."""

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QFocusEvent, QIcon, QKeyEvent, QPainter, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.style import theme
from app.widgets.scrollbar import thin

_PAD = 12
_ICON = 16
_NARROW = 760
_TWO_LINES = 40
_ELLIPSIS = 40  # words break before the end of a line


class _Cell(QStyledItemDelegate):
    """A cell with room at its sides; the chosen row is tinted."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        c = theme.colours(theme.palette())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, c.tint)
        elif index.row() % 2:
            painter.fillRect(option.rect, theme.mix(c.text, c.base, 0.975))
        box = option.rect.adjusted(_PAD, 0, -_PAD // 2, 0)
        icon = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(icon, QIcon):
            top = box.y() + (box.height() - _ICON) // 2
            icon.paint(painter, box.x(), top, _ICON, _ICON)
            box.adjust(_ICON + 6, 0, 0, 0)
        tone = index.data(Qt.ItemDataRole.ForegroundRole)
        painter.setPen(tone if isinstance(tone, QColor) else c.text)
        painter.setFont(option.font)
        text = index.data(Qt.ItemDataRole.DisplayRole)
        wrap = 0
        if box.height() >= _TWO_LINES:
            wrap = int(Qt.TextFlag.TextWordWrap)
        room = box.width() * (1 if not wrap else 2) - (0 if not wrap else _ELLIPSIS)
        shown = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter) | wrap, shown)
        if option.state & QStyle.StateFlag.State_HasFocus and index.column() == 0:
            painter.fillRect(option.rect.x(), option.rect.y(), 3, option.rect.height(), c.accent_text)


class _Header(QHeaderView):
    """Small grey words over a hairline. With the focus, the arrow keys choose a heading and Space sorts by it."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._at = 0  # the heading that the keys are about
        self.setHighlightSections(False)
        self.setMinimumSectionSize(48)
        self.setFixedHeight(30)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        c = theme.colours(theme.palette())
        painter.save()
        painter.fillRect(rect, c.base)
        painter.fillRect(rect.x(), rect.bottom(), rect.width(), 1, c.separator)
        painter.setPen(c.secondary)
        painter.setFont(theme.font("caption", bold=True))
        words = self.model().headerData(logicalIndex, Qt.Orientation.Horizontal)
        painter.drawText(rect.adjusted(_PAD, 0, -4, 0), int(Qt.AlignmentFlag.AlignVCenter), words)
        if self.isSortIndicatorShown() and logicalIndex == self.sortIndicatorSection():
            up = self.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
            left = rect.x() + _PAD + painter.fontMetrics().horizontalAdvance(words) + 5
            middle = rect.center().y()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(c.secondary)
            tip, foot = (middle - 2, middle + 3) if up else (middle + 3, middle - 2)
            painter.drawPolygon([QPoint(left, foot), QPoint(left + 8, foot), QPoint(left + 4, tip)])
        if self.hasFocus() and logicalIndex == self._at:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(c.accent_text, 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(3, 3, -3, -4), 5, 5)
        painter.restore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps: dict[int, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in steps:
            self._choose(self._at, steps[event.key()])
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            ascending = self.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
            again = self.sortIndicatorSection() == self._at and ascending
            self.setSortIndicator(self._at, Qt.SortOrder.DescendingOrder if again else Qt.SortOrder.AscendingOrder)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._choose(min(self.sortIndicatorSection(), self.count() - 1), 0)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def _choose(self, at: int, step: int) -> None:
        """Go to the next heading that is shown in this direction, if there is one."""
        goal = at + step
        while 0 <= goal < self.count() and self.isSectionHidden(goal):
            goal += step or 1
        if 0 <= goal < self.count():
            self._at = goal
        words = self.model().headerData(self._at, Qt.Orientation.Horizontal)
        self.setAccessibleName(f"Sort by {words}")
        self.viewport().update()


class Table(QTableView):
    """A read-only table. `widths` are those of columns that do not share the rest of the room.

    Rows of 40 pixels and more show two lines of text; the column `spare` is left out where room is scarce.
    With `sortable`, a click on a heading calls the model's sort(); so do the keys, one Tab behind the table.
    """

    def __init__(
        self,
        model: QAbstractItemModel,
        name: str,
        widths: dict[int, int],
        row_height: int = 32,
        spare: int = -1,
        sortable: bool = False,
    ) -> None:
        super().__init__()
        self._spare, self._narrow = spare, _NARROW
        self.setHorizontalHeader(_Header())
        self.setModel(model)
        self.setItemDelegate(_Cell(self))
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        thin(self)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        if sortable:
            self.horizontalHeader().setSectionsClickable(True)
            self.horizontalHeader().setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self.horizontalHeader().setSortIndicator(0, Qt.SortOrder.AscendingOrder)
            self.setSortingEnabled(True)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(row_height)
        self.arrange(widths)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._spare >= 0:
            self.setColumnHidden(self._spare, self.width() < self._narrow)

    def set_spare(self, column: int, below: int) -> None:
        """The column that is left out where the table has less room than `below` pixels."""
        self._spare, self._narrow = column, below
        for n in range(self.model().columnCount()):
            self.setColumnHidden(n, n == column and self.width() < below)

    def arrange(self, widths: dict[int, int]) -> None:
        """Give columns fixed widths; the others share the rest evenly."""
        header = self.horizontalHeader()
        for i in range(self.model().columnCount()):
            if i in widths:
                header.setSectionResizeMode(i, QHeaderView.ResizeMode.Interactive)
                header.resizeSection(i, widths[i])
            else:
                header.setSectionResizeMode(i, QHeaderView.ResizeMode.Stretch)
