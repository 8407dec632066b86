"""The texts that a widget shows."""

from typing import Any


def shown_texts(root: Any) -> set[str]:
    """The texts of all labels, controls, tabs, tables' headers and menus below a widget, and their tooltips."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QTabBar, QTableView, QWidget

    from app.widgets.item_model import ItemModel

    found: set[str] = set()
    for widget in [root, *root.findChildren(QWidget)]:
        if isinstance(widget.parent(), QTabBar):  # Qt's own arrows
            continue
        found |= {widget.toolTip(), widget.accessibleName(), widget.statusTip()}
        if isinstance(widget, QLabel | QAbstractButton):
            found.add(widget.text())
        if isinstance(widget, QLineEdit):
            found.add(widget.placeholderText())
        if isinstance(widget, QComboBox):
            found |= {widget.itemText(i) for i in range(widget.count())}
        if isinstance(widget, QTabBar):
            found |= {widget.tabText(i) for i in range(widget.count())}
        if isinstance(widget, QTableView) and widget.model() is not None:
            horizontal = Qt.Orientation.Horizontal
            model = widget.model()
            found |= {str(model.headerData(i, horizontal)) for i in range(model.columnCount())}
            if isinstance(model, ItemModel):  # others show rows of data
                cells = [model.index(row, i) for row in range(model.rowCount()) for i in range(model.columnCount())]
                found |= {str(cell.data()) for cell in cells}
    for action in root.findChildren(QAction):
        found |= {action.text(), action.toolTip().replace("...", "…")}
    return found
