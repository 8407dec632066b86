"""The conversations that were kept of a model, to open and to delete."""

import datetime
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.runs.chat_history import ChatHistory, KeptConversation
from app.widgets.buttons import Button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.disabled import disable
from app.widgets.labels import Label, caption, heading
from app.widgets.scroll_page import ScrollPage
from core.errors import UserError

_TITLE_WIDTH = 164  # pixels
_LONGEST_TITLE = 80  # characters of a question
_ELIDE, _LEFT = Qt.TextElideMode.ElideRight, Qt.AlignmentFlag.AlignLeft


class ChatHistoryList(Card):
    """The conversations that were kept of a model. `opened(path)` and `deleted(path)`; `failed(sentence)`."""

    opened = Signal(object)
    deleted = Signal(object)
    failed = Signal(str)

    def __init__(self, history: ChatHistory) -> None:
        super().__init__()
        self._history, self._key = history, ""
        layout = vbox(self, 14, 6)
        header = hbox(gap=0)
        header.addWidget(heading(tr("Earlier conversations")), 1)
        self.clear_button = quiet_button(tr("Delete all"))
        header.addWidget(self.clear_button)
        layout.addLayout(header)
        layout.addWidget(caption(tr("Of this model, on this computer alone.")))
        self._scroll = ScrollPage(margin=0)
        layout.addWidget(self._scroll, 1)
        self.rows: dict[Path, tuple[Button, Button]] = {}
        self.clear_button.clicked.connect(lambda: self._delete(list(self.rows)))

    def show_conversations(self, key: str) -> None:
        """List the conversations of a run's folder or a model's path."""
        self._key, kept = key, self._history.list(key)
        content = self._scroll.content_layout
        while item := content.takeAt(0):
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.rows = {}
        for conversation in kept:
            content.addWidget(self._build_row(conversation))
        if not kept:
            content.addWidget(Label(tr("None yet."), tone="secondary"))
        content.addStretch()
        disable(self.clear_button, "" if kept else tr("None yet."))

    def _build_row(self, kept: KeptConversation) -> QWidget:
        row = QWidget()
        layout = hbox(row, gap=2)
        words = vbox(gap=0)
        title = " ".join(kept.title.split())[:_LONGEST_TITLE]
        open_button = quiet_button(self.fontMetrics().elidedText(title, _ELIDE, _TITLE_WIDTH).replace("&", "&&"))
        open_button.setAccessibleName(tr("Open “{title}”", title=title))
        open_button.setToolTip(title)
        words.addWidget(open_button, 0, _LEFT)
        time = datetime.datetime.fromtimestamp(kept.time)
        when = caption(tr("{time:%d %b %H:%M}", time=time))
        when.setContentsMargins(9, 0, 0, 0)
        words.addWidget(when)
        layout.addLayout(words, 1)
        delete_button = quiet_button("", "trash")
        delete_button.setAccessibleName(tr("Delete “{title}”", title=title))
        delete_button.setToolTip(tr("Delete"))
        layout.addWidget(delete_button)
        open_button.clicked.connect(lambda: self.opened.emit(kept.path))
        delete_button.clicked.connect(lambda: self._delete([kept.path]))
        self.rows[kept.path] = (open_button, delete_button)
        return row

    def _delete(self, paths: list[Path]) -> None:
        for path in paths:
            try:
                self._history.delete(path)
            except UserError as error:
                self.failed.emit(tr(str(error)))
            else:
                self.deleted.emit(path)
        self.show_conversations(self._key)
