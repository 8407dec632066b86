"""What the Edit menu does, and to what: a text field that has the keyboard, or a table."""

from PySide6.QtWidgets import QAbstractItemView, QApplication, QLineEdit, QPlainTextEdit, QTextEdit, QWidget

_SEVERAL = (QAbstractItemView.SelectionMode.ExtendedSelection, QAbstractItemView.SelectionMode.MultiSelection)
_TEXT_FIELDS = (QLineEdit, QTextEdit, QPlainTextEdit)


def find_target() -> QWidget | None:
    """The text field or the table that has the keyboard."""
    widget = QApplication.focusWidget()
    return widget if isinstance(widget, (*_TEXT_FIELDS, QAbstractItemView)) else None


def takes(slot: str, target: QWidget | None) -> bool:
    """Whether a target knows an editing command: "copy" or another of Qt's slots for text.

    A table copies the text of the cell that has the keyboard, and selects all rows where several can be selected.
    """
    if isinstance(target, QAbstractItemView):
        can_select = slot == "selectAll" and target.selectionMode() in _SEVERAL
        return can_select or (slot == "copy" and target.currentIndex().isValid())
    return target is not None and not (slot == "paste" and target.property("readOnly"))


def send(slot: str, target: QWidget | None) -> bool:
    """Carry an editing command out; returns whether there was something to take it."""
    if target is None or not takes(slot, target):
        return False
    if isinstance(target, QAbstractItemView) and slot == "copy":
        QApplication.clipboard().setText(str(target.currentIndex().data() or ""))
    else:
        getattr(target, slot)()
    return True
