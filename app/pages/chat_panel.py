"""What stands beside a conversation when it is asked for: how answers are drawn, or the conversations before."""

from PySide6.QtWidgets import QStackedWidget, QWidget

from app.desktop.language import tr
from app.pages.chat_history_list import ChatHistoryList
from app.pages.chat_settings import ChatSettings
from app.runs.chat_history import ChatHistory
from app.widgets.buttons import Button, quiet_button

_WIDTH = 264


class ChatPanel(QStackedWidget):
    """Hidden until one of its two buttons is pressed, which stand elsewhere."""

    def __init__(self, history: ChatHistory) -> None:
        super().__init__()
        self._key = ""  # of the model whose conversations are listed
        self.settings, self.conversations = ChatSettings(), ChatHistoryList(history)
        self.history_button = self._add(self.conversations, tr("History"), "clock")
        self.settings_button = self._add(self.settings, tr("Settings"), "settings")
        self.setFixedWidth(_WIDTH)
        self.setCurrentWidget(self.settings)
        self.hide()

    def list_conversations(self, key: str) -> None:
        """List the conversations of a run's folder or a model's path, once or where they are looked at."""
        self._key = key
        if not self.conversations.isHidden():
            self.conversations.show_conversations(key)

    def _add(self, page: QWidget, text: str, icon: str) -> Button:
        """Add a page; returns the button that shows and hides it."""
        self.addWidget(page)
        button = quiet_button(text, icon)
        button.setCheckable(True)
        button.clicked.connect(lambda is_checked: self._show_page(page, is_checked))
        return button

    def _show_page(self, page: QWidget, is_wanted: bool) -> None:
        self.history_button.setChecked(page is self.conversations and is_wanted)
        self.settings_button.setChecked(page is self.settings and is_wanted)
        self.setVisible(is_wanted)
        self.setCurrentWidget(page)
        self.list_conversations(self._key)
