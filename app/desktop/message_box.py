"""Message boxes that Qt draws itself.

macOS 27 ends a process that shows a native alert while numbers are written with a decimal comma (LC_NUMERIC), which is
so for half of Europe; Qt takes its locale from the environment. So no box here is native, and numbers of C stay in C.
"""

import locale
from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QMessageBox, QWidget

from app.desktop.language import tr


class MessageBox(QMessageBox):
    """QMessageBox, never as the system's own alert. Use this one everywhere."""

    def __init__(self, parent: QWidget | None, icon: QMessageBox.Icon, heading: str, sentence: str = "") -> None:
        super().__init__(parent)
        self.setOption(QMessageBox.Option.DontUseNativeDialog)
        self.setWindowModality(Qt.WindowModality.WindowModal)  # on a Mac a sheet of the window that it is about
        self.setWindowTitle("Hone")
        self.setIcon(icon)
        self.setText(heading)
        label = self.findChild(QLabel, "qt_msgbox_label")
        if label is not None:  # as in every heading of the window, and in a Mac's own alerts
            font = label.font()
            font.setBold(True)
            label.setFont(font)
        self.setInformativeText(tr(sentence))

    def ask(self, answered: Callable[[QAbstractButton | None], object]) -> None:
        """Open without waiting, and call `answered` with the button that was chosen once it is closed."""

        def answer() -> None:
            chosen = self.clickedButton()
            self.deleteLater()
            answered(chosen)

        self.finished.connect(answer)
        self.open()


def keep_c_numbers() -> None:
    """Write C's numbers with a point whatever the person's language is. Call it once the QApplication is made."""
    locale.setlocale(locale.LC_NUMERIC, "C")
