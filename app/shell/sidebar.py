"""The sidebar: the list of places, and below it the progress of the run that is training."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.desktop.language import tr
from app.style import icons, theme
from app.widgets.buttons import Button, quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.focus_ring import is_from_keyboard
from app.widgets.labels import Label, caption
from app.widgets.progress_bar import ThinProgressBar

PLACES = (  # (key, title, icon)
    ("welcome", tr("Welcome"), "spark"),
    ("new", tr("New run"), "new"),
    ("runs", tr("Runs"), "runs"),
    ("data", tr("Data"), "file"),
    ("chat", tr("Chat"), "chat"),
)


_MARK = Qt.ItemDataRole.UserRole + 1  # (text, tone) at the right of a place


class _PlaceList(QListWidget):
    """Remembers whether the focus came by the keyboard: only then a ring is drawn."""

    draws_ring = False

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.draws_ring = is_from_keyboard(event.reason())


class _PlaceDelegate(QStyledItemDelegate):
    """Draws a place, with a rounded background where it is chosen."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, 34)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = theme.colours(theme.palette())
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect).adjusted(0, 1, 0, -1)
        if chosen or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.mix(colours.text, colours.window, 0.86 if chosen else 0.93))
            painter.drawRoundedRect(box, 6, 6)
        has_focus = chosen and bool(option.state & QStyle.StateFlag.State_HasFocus)
        if has_focus and isinstance(option.widget, _PlaceList) and option.widget.draws_ring:
            painter.setPen(theme.ring(colours))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 6, 6)
        ink = colours.accent_text if chosen else colours.secondary
        name = index.data(Qt.ItemDataRole.UserRole)[1]
        top = option.rect.y() + (option.rect.height() - 18) // 2
        scale = option.widget.devicePixelRatioF()
        painter.drawPixmap(option.rect.x() + 8, top, icons.pixmap(name, ink, 18, scale))
        mark, tone = index.data(_MARK) or ("", "")
        if mark:
            _draw_mark(painter, option.rect, mark, getattr(colours, tone))
        painter.setPen(colours.text)
        painter.setFont(theme.font(bold=chosen))
        painter.drawText(
            QRect(option.rect.x() + 36, option.rect.y(), option.rect.width() - 40, option.rect.height()),
            int(Qt.AlignmentFlag.AlignVCenter),
            index.data(Qt.ItemDataRole.DisplayRole),
        )
        painter.restore()


def _draw_mark(painter: QPainter, rect: QRect, text: str, colour: QColor) -> None:
    """A short text in a pill at the right of a place."""
    painter.setFont(theme.font("caption", bold=True, figures=True))
    width = max(18, painter.fontMetrics().horizontalAdvance(text) + 12)
    pill = QRectF(rect.right() - width - 6, rect.y() + (rect.height() - 18) / 2, width, 18)
    ground = QColor(colour)
    ground.setAlpha(36)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(pill, 9, 9)
    painter.setPen(colour)
    painter.drawText(pill, int(Qt.AlignmentFlag.AlignCenter), text)


class Sidebar(QWidget):
    """`chosen(key)` when a person picks a place; show_run() shows the progress of a run at the foot."""

    chosen = Signal(str)
    run_clicked = Signal()
    update_clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedWidth(192)
        layout = vbox(self, 12, 12)
        layout.setContentsMargins(12, 16, 12, 12)
        brand = hbox(gap=8)
        self._logo = Label(wrap=False)
        self._logo.setPixmap(icons.pixmap("hone", theme.colours(theme.palette()).text, 26, 2.0))
        self._logo.setAccessibleName("Hone")
        brand.addWidget(self._logo)
        brand.addWidget(Label("Hone", bold=True))
        brand.addStretch()
        layout.addLayout(brand)
        self._list = _PlaceList()
        self._list.setAccessibleName(tr("Places"))
        self._list.setFrameShape(QListWidget.Shape.NoFrame)
        self._list.viewport().setAutoFillBackground(False)
        self._list.setMouseTracking(True)
        self._list.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setItemDelegate(_PlaceDelegate(self._list))
        for key, title, icon in PLACES:
            item = QListWidgetItem(title)
            item.setData(Qt.ItemDataRole.UserRole, (key, icon))
            self._list.addItem(item)
        self._list.currentItemChanged.connect(self._choose_item)
        self._list.itemClicked.connect(self._choose_item)  # from a run's page back to the list it is in
        layout.addWidget(self._list, 1)
        layout.addWidget(self._build_run_card())
        self.update_button = quiet_button(tr("A newer version"))
        self.update_button.setToolTip(tr("A newer version of Hone can be downloaded."))
        self.update_button.clicked.connect(self.update_clicked)
        self.update_button.hide()
        layout.addWidget(self.update_button)

    def choose(self, key: str) -> None:
        """Mark the place whose page is shown."""
        self._list.blockSignals(True)
        self._list.setCurrentRow([k for k, _, _ in PLACES].index(key))
        self._list.blockSignals(False)

    def mark(self, key: str, text: str, tone: str = "secondary", meaning: str = "") -> None:
        """Write a short text at the right of a place, "" for none; `meaning` says it for screen readers."""
        number = [k for k, _, _ in PLACES].index(key)
        item = self._list.item(number)
        item.setData(_MARK, (text, tone))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(filter(None, (PLACES[number][1], meaning))))
        item.setToolTip(meaning)

    def show_run(self, status: str, detail: str, fraction: float | None) -> None:
        """Show a run's status in a few words, and the share of it that is done (None: not known)."""
        self.card.setVisible(True)
        self.status.setText(status)
        self.detail.setText(detail)
        self._bar.show_share(fraction)

    def hide_run(self) -> None:
        self.card.setVisible(False)

    def show_update(self, version: str) -> None:
        """Tell that a newer version is available; with "", none is."""
        self.update_button.setText(tr("{version} is available…", version=version))
        self.update_button.setVisible(bool(version))

    def paintEvent(self, event: QPaintEvent) -> None:
        colours = theme.colours(theme.palette())
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.side_ground(colours))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), colours.separator)

    def _build_run_card(self) -> Card:
        self.card = Card()
        inner = vbox(self.card, 12, 4)
        self.status, self.detail = Label(bold=True), caption()
        self._bar = ThinProgressBar(tr("Progress of the run"))
        show = Button(tr("Show"), "next", weight="quiet")
        show.setAccessibleName(tr("Show the run under way"))
        show.clicked.connect(self.run_clicked)
        for part in (self.status, self.detail, self._bar, show):
            inner.addWidget(part)
        self.card.hide()
        return self.card

    def _choose_item(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole)[0])
