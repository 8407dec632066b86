"""Message boxes of Hone's own: a heading, a sentence, and the app's buttons in the system's order.

None is the system's own alert, which ends a process on macOS 27 under a decimal comma (app/desktop/c_numbers.py).
"""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap, QShowEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QWidget

from app.desktop.language import tr
from app.style import theme
from app.widgets.buttons import Button
from app.widgets.card import card_around, hbox, vbox
from app.widgets.fold_button import FoldButton
from app.widgets.labels import IconLabel, Label
from app.widgets.tab_order import TabOrder
from app.widgets.text_area import ReadOnlyText

Role = QDialogButtonBox.ButtonRole

_ICON = 28  # pixels
_WIDTH = 460  # at least
_DETAILS_HEIGHT = 180
_ICONS = {"accent_text": "info", "warn": "warn"}


class MessageBox(TabOrder, QDialog):
    """A message or a question, a sheet of the window that it is about.

    Arguments:
        heading: a few words.
        sentence: what there is to know beside it.
        tone: "warn" for what has failed or cannot be undone.
        details: text of several lines, folded.
        picture: in the place of the icon that belongs to the tone.
    """

    def __init__(
        self,
        parent: QWidget | None,
        heading: str,
        sentence: str = "",
        *,
        tone: str = "accent_text",
        details: str = "",
        picture: QPixmap | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowModality(Qt.WindowModality.WindowModal)  # on a Mac a sheet
        self.setWindowTitle("Hone")
        self.setAccessibleName(heading)
        self.buttons: list[Button] = []
        self._chosen: Button | None = None
        self._layout = vbox(self, theme.MARGIN, theme.GRID * 2)
        row = hbox(gap=theme.GRID * 2)
        icon: QWidget = IconLabel(_ICONS[tone], tone, _ICON) if picture is None else QLabel(pixmap=picture)
        row.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
        words = vbox(gap=theme.GRID)
        self.heading = Label(heading, bold=True, selectable=True)
        self.sentence = Label("", selectable=True)
        for label in (self.heading, self.sentence):
            label.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # Tab goes to the buttons alone
            words.addWidget(label)
        words.addStretch()
        row.addLayout(words, 1)
        self._layout.addLayout(row)
        self.details = ReadOnlyText(tr("Details"))
        card = card_around(self.details)
        card.setFixedHeight(_DETAILS_HEIGHT)
        self._details_button = FoldButton(tr("Details"), card)
        self._details_button.toggled.connect(lambda _: self._fit())
        self._layout.addWidget(self._details_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._layout.addWidget(card)
        self._foot = QDialogButtonBox()
        self._layout.addWidget(self._foot)
        self.show_sentence(sentence)
        self.show_details(details)

    def show_sentence(self, sentence: str) -> None:
        """Say something else below the heading."""
        self.sentence.setText(tr(sentence))
        self.sentence.setVisible(bool(sentence))
        self.setAccessibleDescription(self.sentence.text())
        self._fit()

    def show_details(self, details: str) -> None:
        """Have a text behind the button that unfolds it."""
        self.details.setPlainText(details)
        self._details_button.setVisible(bool(details))
        self._fit()

    def add_button(self, text: str, role: Role = Role.RejectRole, *, is_default: bool = False) -> Button:
        """Add a button. All close the box, but those that have Role.ActionRole."""
        button = Button(text, weight="primary" if is_default else "plain")
        button.setAutoDefault(True)  # Return presses the one that has the focus
        self._foot.addButton(button, role)
        self.buttons.append(button)
        if role != Role.ActionRole:
            button.clicked.connect(lambda: self._choose(button))
        if is_default:
            button.setDefault(True)
            button.setFocus()
        return button

    def ask(self, answered: Callable[[Button | None], object]) -> None:
        """Open without waiting, and call `answered` once it is closed: with the button that closed it, None where it
        was Escape or the window's."""

        def answer() -> None:
            self.deleteLater()
            answered(self._chosen)

        self.finished.connect(answer)
        self.open()

    def showEvent(self, event: QShowEvent) -> None:
        self._fit()
        super().showEvent(event)

    def _choose(self, button: Button) -> None:
        self._chosen = button
        self.accept()

    def _fit(self) -> None:
        """As wide as the buttons need, and as high as the words then are."""
        self._layout.activate()
        width = max(_WIDTH, self._layout.minimumSize().width())
        self.setFixedSize(width, self._layout.totalHeightForWidth(width))


def show_message(parent: QWidget, heading: str, sentence: str = "", *, tone: str = "accent_text") -> None:
    """Show a message without waiting for an answer."""
    box = MessageBox(parent, heading, sentence, tone=tone)
    box.add_button(tr("OK"), is_default=True)
    box.ask(lambda _: None)
