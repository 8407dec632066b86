"""A Qt model of items in memory, such as findings or runs, for a table."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QIcon

from app.desktop.language import tr
from app.style import icons, theme

if TYPE_CHECKING:  # it imports the readers of data
    from core.data.read.reader import Finding

Index = QModelIndex | QPersistentModelIndex
Column = tuple[str, Callable[[Any], str]]
_NO_PARENT = QModelIndex()
_MAX_CELL = 400  # characters of a cell; the whole text is in its tooltip
_SEVERITIES = {  # (icon, tone, title)
    "error": ("bad", "bad", tr("Left out")),
    "warning": ("warn", "warn", tr("Look at")),
    "note": ("info", "secondary", tr("Note")),
}


def finding_columns(several_files: bool) -> list[Column]:
    """The columns of the table of findings; with several files, the file is given with the line."""
    return [
        (tr("What"), lambda f: _SEVERITIES[f.severity][2]),
        (tr("Where"), finding_location) if several_files else (tr("Line"), lambda f: f"{f.line:,}" if f.line else ""),
        (tr("Message"), lambda f: f.message),
        (tr("What happens"), lambda f: f.fix or (tr("The row is left out.") if f.severity == "error" else "")),
    ]


def finding_location(finding: "Finding") -> str:
    """file:line, or the file alone where the finding concerns all of it."""
    name = Path(finding.file).name
    return f"{name}:{finding.line}" if finding.line else name


class ItemModel(QAbstractTableModel):
    """One item a row; each column has a title and a function that gives an item's text."""

    def __init__(self, columns: Sequence[Column], items: Sequence[Any] = ()) -> None:
        super().__init__()
        self._columns, self._items = list(columns), items

    def show_items(self, items: Sequence[Any], columns: Sequence[Column] | None = None) -> None:
        """Replace the items and, where they are given, the columns."""
        self.beginResetModel()
        self._items = items
        if columns is not None:
            self._columns = list(columns)
        self.endResetModel()

    def item(self, row: int) -> Any:
        return self._items[row]

    def rowCount(self, parent: Index = _NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._items)

    def columnCount(self, parent: Index = _NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._columns[section][0]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        item = self._items[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            text = tr(self._columns[index.column()][1](item))
            if role == Qt.ItemDataRole.ToolTipRole:
                return text[:4000]
            short = " ".join(text[: 2 * _MAX_CELL].split())
            return short if len(short) <= _MAX_CELL else short[:_MAX_CELL] + "…"
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0 and hasattr(item, "severity"):
            return _severity_icon(item)  # of a finding
        return None


def _severity_icon(finding: "Finding") -> QIcon:
    icon, tone, _ = _SEVERITIES[finding.severity]
    return icons.icon(icon, getattr(theme.colours(theme.palette()), tone), size=16)
