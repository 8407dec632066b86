"""A quiet table: no grid, room to breathe, whole rows."""

import math

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QFocusEvent, QFontMetrics, QFontMetricsF, QIcon, QKeyEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.desktop.language import tr
from app.style import theme
from app.widgets.scrollbar import use_thin_scrollbars

_PADDING = 12
_ICON = 16
_NARROW_WIDTH = 760
_TWO_LINE_HEIGHT = 40
_HEADING_END = 4  # pixels that stay empty behind a heading
_MOST_PIXELS = 10_000  # that a text may be high
_SORT_MARK = 13  # pixels of the mark behind the heading that is sorted by
_LINE_BREAK = 40  # pixels that stay empty where a word moves to the second line


class CellDelegate(QStyledItemDelegate):
    """Draws a cell with padding at its sides; the selected row is tinted."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = theme.colours(theme.palette())
        box = self.paint_ground(painter, option, index)
        icon = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(icon, QIcon):
            top = box.y() + (box.height() - _ICON) // 2
            icon.paint(painter, box.x(), top, _ICON, _ICON)
            box.adjust(_ICON + 6, 0, 0, 0)
        tone = index.data(Qt.ItemDataRole.ForegroundRole)
        painter.setPen(tone if isinstance(tone, QColor) else colours.text)
        painter.setFont(option.font)
        text = index.data(Qt.ItemDataRole.DisplayRole)
        metrics, width, wrap = option.fontMetrics, box.width(), 0
        if box.height() >= _TWO_LINE_HEIGHT and _can_break(text or "", metrics, width):
            wrap = int(Qt.TextFlag.TextWordWrap)
            lines = box.height() // metrics.lineSpacing()
            width = lines * width - (lines - 1) * _LINE_BREAK
        if not (wrap and _wrapped_height(text or "", metrics, box.width()) <= box.height()):
            text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter) | wrap, text)

    def paint_ground(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QRect:
        """Draw what lies behind a cell's content, and at a row's start the mark of the focus; returns where it goes."""
        colours = theme.colours(theme.palette())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, colours.tint)
        elif index.row() % 2:
            painter.fillRect(option.rect, theme.mix(colours.text, colours.base, 0.975))
        if option.state & QStyle.StateFlag.State_HasFocus and index.column() == 0:
            painter.fillRect(option.rect.x(), option.rect.y(), 3, option.rect.height(), colours.accent_text)
        rect: QRect = option.rect
        return rect.adjusted(_PADDING, 0, -_PADDING // 2, 0)


def _can_break(text: str, metrics: QFontMetrics, width: int) -> bool:
    """Whether each word has room in a line of this width; Qt cuts one that has not, without a mark."""
    return all(metrics.horizontalAdvance(word) <= width for word in text.split())


def _wrapped_height(text: str, metrics: QFontMetrics, width: int) -> int:
    """The pixels that a text is high in lines of this width."""
    area = QRect(0, 0, width, _MOST_PIXELS)
    return metrics.boundingRect(area, int(Qt.TextFlag.TextWordWrap), text).height()


class _Header(QHeaderView):
    """Small grey words over a hairline. With the focus, the arrow keys choose a heading and Space sorts by it."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._focused_section = 0  # the heading that keys sort by
        self.setHighlightSections(False)
        self.setMinimumSectionSize(48)
        self.setFixedHeight(30)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        colours = theme.colours(theme.palette())
        painter.save()
        painter.fillRect(rect, colours.base)
        painter.fillRect(rect.x(), rect.bottom(), rect.width(), 1, colours.separator)
        painter.setPen(colours.secondary)
        painter.setFont(theme.font("caption", bold=True))
        title = self.model().headerData(logicalIndex, Qt.Orientation.Horizontal)
        box = rect.adjusted(_PADDING, 0, -_HEADING_END, 0)
        elided = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter), elided)
        if self.isSortIndicatorShown() and logicalIndex == self.sortIndicatorSection():
            is_ascending = self.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
            x = rect.x() + _PADDING + painter.fontMetrics().horizontalAdvance(title) + 5
            middle = rect.center().y()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colours.secondary)
            tip, foot = (middle - 2, middle + 3) if is_ascending else (middle + 3, middle - 2)
            painter.drawPolygon([QPoint(x, foot), QPoint(x + 8, foot), QPoint(x + 4, tip)])
        if self.hasFocus() and logicalIndex == self._focused_section:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(theme.ring(colours))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(rect.adjusted(3, 3, -3, -4), 5, 5)
        painter.restore()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps: dict[int, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        if event.key() in steps:
            self._focus_section(self._focused_section, steps[event.key()])
        elif event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            is_ascending = self.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
            reverse = self.sortIndicatorSection() == self._focused_section and is_ascending
            order = Qt.SortOrder.DescendingOrder if reverse else Qt.SortOrder.AscendingOrder
            self.setSortIndicator(self._focused_section, order)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._focus_section(min(self.sortIndicatorSection(), self.count() - 1), 0)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def _focus_section(self, section: int, step: int) -> None:
        """Move the focus by `step` from a heading to the next one that is visible, if there is one."""
        goal = section + step
        while 0 <= goal < self.count() and self.isSectionHidden(goal):
            goal += step or 1
        if 0 <= goal < self.count():
            self._focused_section = goal
        self.name_section()
        self.viewport().update()

    def name_section(self) -> None:
        """Say to a screen reader what keys would sort by."""
        title = self.model().headerData(self._focused_section, Qt.Orientation.Horizontal)
        self.setAccessibleName(tr("Sort by {title}", title=title))


class Table(QTableView):
    """A read-only table. `widths` are the pixels of some columns, by index; the others share the rest evenly.

    Rows of 40 pixels and more show two lines of text, the current one all of them with show_whole_row(); the column
    `optional_column` is hidden in a narrow table.
    With `sortable`, a click on a heading calls the model's sort(); so do keys in the headings, one Tab after the table.
    """

    def __init__(
        self,
        model: QAbstractItemModel,
        name: str,
        widths: dict[int, int],
        row_height: int = 32,
        optional_column: int = -1,
        sortable: bool = False,
    ) -> None:
        super().__init__()
        self._optional_column, self._narrow_width = optional_column, _NARROW_WIDTH
        self._shows_whole, self._high_row = False, -1
        self.headings = _Header()
        self.setHorizontalHeader(self.headings)
        self.setModel(model)
        self.setItemDelegate(CellDelegate(self))
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        use_thin_scrollbars(self)
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
            self.headings.name_section()
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(row_height)
        self.set_column_widths(widths)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._optional_column >= 0:
            self.setColumnHidden(self._optional_column, self.width() < self._narrow_width)
        self._fit_rows()

    def currentChanged(
        self, current: QModelIndex | QPersistentModelIndex, previous: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().currentChanged(current, previous)
        self._fit_rows()

    def show_whole_row(self, on: bool) -> None:
        """Let the current row be as high as its texts need, where nothing else shows them whole."""
        self._shows_whole = on
        self._fit_rows()

    def _fit_rows(self) -> None:
        usual, current = self.verticalHeader().defaultSectionSize(), self.currentIndex().row()
        if 0 <= self._high_row < self.model().rowCount():
            self.setRowHeight(self._high_row, usual)
        self._high_row = current if self._shows_whole else -1
        if self._high_row >= 0:
            self.setRowHeight(current, min(max(usual, self._needed_height(current)), self.viewport().height()))

    def _needed_height(self, row: int) -> int:
        """The height in which all lines of a row's texts are seen."""
        needed = 0
        for column in range(self.model().columnCount()):
            index = self.model().index(row, column)
            width = self.columnWidth(column) - _PADDING - _PADDING // 2
            if index.data(Qt.ItemDataRole.DecorationRole) is not None:
                width -= _ICON + 6
            text = index.data(Qt.ItemDataRole.DisplayRole) or ""
            needed = max(needed, _wrapped_height(text, self.fontMetrics(), width) + _PADDING)
        return needed

    def set_optional_column(self, column: int, min_width: int) -> None:
        """Hide this column where the table is less than `min_width` pixels wide."""
        self._optional_column, self._narrow_width = column, min_width
        for n in range(self.model().columnCount()):
            self.setColumnHidden(n, n == column and self.width() < min_width)

    def set_column_widths(self, widths: dict[int, int]) -> None:
        """Give columns fixed widths, in which their headings have room; the others share the rest evenly."""
        header = self.horizontalHeader()
        for i in range(self.model().columnCount()):
            if i in widths:
                header.setSectionResizeMode(i, QHeaderView.ResizeMode.Interactive)
                header.resizeSection(i, max(widths[i], self._heading_width(i)))
            else:
                header.setSectionResizeMode(i, QHeaderView.ResizeMode.Stretch)

    def _heading_width(self, column: int) -> int:
        """The pixels in which a column's heading is not cut."""
        title = self.model().headerData(column, Qt.Orientation.Horizontal)
        mark = _SORT_MARK if self.isSortingEnabled() else 0
        words = math.ceil(QFontMetricsF(theme.font("caption", bold=True)).horizontalAdvance(title)) + 1
        return _PADDING + words + mark + _HEADING_END
