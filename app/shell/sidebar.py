"""The list of places on the left, and below it what is running."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.style import icons, theme
from app.widgets.buttons import BY_KEY, Button
from app.widgets.card import Card, column, row
from app.widgets.labels import Text, caption
from app.widgets.progress_bar import ThinBar

PLACES = (("new", "New run", "new"), ("runs", "Runs", "runs"), ("chat", "Chat", "chat"))  # (key, words, icon)


class _List(QListWidget):
    """Knows whether the keyboard brought the focus: only then a ring is drawn."""

    ring = False

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.ring = event.reason() in BY_KEY


class _Row(QStyledItemDelegate):
    """A row with a rounded ground when it is chosen."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, 34)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        c = theme.colours(theme.palette())
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        over = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect).adjusted(0, 1, 0, -1)
        if chosen or over:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.mix(c.text, c.window, 0.86 if chosen else 0.93))
            painter.drawRoundedRect(box, 6, 6)
        here = chosen and bool(option.state & QStyle.StateFlag.State_HasFocus)
        if here and isinstance(option.widget, _List) and option.widget.ring:
            painter.setPen(c.accent_text)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        ink = c.accent_text if chosen else c.secondary
        name = index.data(Qt.ItemDataRole.UserRole)[1]
        top = option.rect.y() + (option.rect.height() - 18) // 2
        scale = option.widget.devicePixelRatioF()
        painter.drawPixmap(option.rect.x() + 8, top, icons.pixmap(name, ink, 18, scale))
        painter.setPen(c.text)
        painter.setFont(theme.font(bold=chosen))
        painter.drawText(
            QRect(option.rect.x() + 36, option.rect.y(), option.rect.width() - 40, option.rect.height()),
            int(Qt.AlignmentFlag.AlignVCenter),
            index.data(Qt.ItemDataRole.DisplayRole),
        )
        painter.restore()


class Sidebar(QWidget):
    """`chosen(key)` when a person picks a place; show_run() puts the running job's state at the foot."""

    chosen = Signal(str)
    run_clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(192)
        layout = column(self, 12, 12)
        layout.setContentsMargins(12, 16, 12, 12)
        brand = row(gap=8)
        self._logo = Text(wrap=False)
        self._logo.setPixmap(icons.pixmap("hone", theme.colours(theme.palette()).text, 26, 2.0))
        self._logo.setAccessibleName("Hone")
        brand.addWidget(self._logo)
        brand.addWidget(Text("Hone", bold=True))
        brand.addStretch()
        layout.addLayout(brand)
        self._list = _List()
        self._list.setAccessibleName("Places")
        self._list.setFrameShape(QListWidget.Shape.NoFrame)
        self._list.viewport().setAutoFillBackground(False)
        self._list.setMouseTracking(True)
        self._list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setItemDelegate(_Row(self._list))
        for key, words, icon in PLACES:
            item = QListWidgetItem(words)
            item.setData(Qt.ItemDataRole.UserRole, (key, icon))
            self._list.addItem(item)
        self._list.currentItemChanged.connect(self._picked)
        self._list.itemClicked.connect(self._picked)  # from a run's page back to the list it is in
        layout.addWidget(self._list, 1)
        layout.addWidget(self._run_card())

    def choose(self, key: str) -> None:
        """Mark a place as the one shown."""
        self._list.blockSignals(True)
        self._list.setCurrentRow([k for k, _, _ in PLACES].index(key))
        self._list.blockSignals(False)

    def show_run(self, words: str, detail: str, fraction: float | None) -> None:
        """The running job in a few words, with its share done (None: not known)."""
        self.card.setVisible(True)
        self.words.setText(words)
        self.detail.setText(detail)
        self._bar.show_share(fraction)

    def hide_run(self) -> None:
        self.card.setVisible(False)

    def paintEvent(self, event: QPaintEvent) -> None:
        c = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.mix(c.text, c.window, 0.96))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), c.separator)

    def _run_card(self) -> Card:
        self.card = Card()
        inner = column(self.card, 12, 4)
        self.words, self.detail = Text(bold=True), caption()
        self._bar = ThinBar("Progress of the run")
        show = Button("Show", "next", weight="quiet")
        show.setAccessibleName("Show the run under way")
        show.clicked.connect(self.run_clicked)
        for part in (self.words, self.detail, self._bar, show):
            inner.addWidget(part)
        self.card.hide()
        return self.card

    def _picked(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole)[0])
