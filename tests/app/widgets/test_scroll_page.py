"""A page that scrolls has room for what it holds whenever it is drawn."""

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QStackedWidget, QWidget
from pytestqt.qtbot import QtBot

from app.style import theme
from app.widgets.card import Card, vbox
from app.widgets.labels import Label
from app.widgets.scroll_page import ScrollPage
from app.widgets.scrollbar import FloatingScrollBar


class Painted(QObject):
    """The heights a widget is drawn at."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.heights: list[int] = []
        widget.installEventFilter(self)

    def eventFilter(self, widget: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and isinstance(widget, QWidget):
            self.heights.append(widget.height())
        return False


def test_what_was_shown_while_the_page_was_hidden_has_its_place_when_it_is_drawn(qtbot: QtBot) -> None:
    stack, page, other = QStackedWidget(), ScrollPage(), QWidget()
    late = Card()
    vbox(late, 14).addWidget(Label("A sentence that takes several lines in a narrow window. " * 12))
    page.content_layout.addWidget(Label("What is always there. " * 60))
    page.content_layout.addWidget(late)
    page.content_layout.addStretch()
    late.hide()
    for widget in (page, other):
        stack.addWidget(widget)
    qtbot.addWidget(stack)
    stack.resize(400, 240)
    stack.show()
    qtbot.waitExposed(stack)
    QApplication.processEvents()
    before = page.content.height()
    stack.setCurrentWidget(other)
    QApplication.processEvents()
    late.show()
    QApplication.processEvents()
    painted = Painted(page.content)
    stack.setCurrentWidget(page)
    qtbot.waitUntil(lambda: bool(painted.heights))
    needed = page.content.heightForWidth(page.content.width())
    assert needed > before and painted.heights == [needed] * len(painted.heights)


def test_the_content_ends_at_one_line_with_and_without_a_scroll_bar(qtbot: QtBot) -> None:
    page, text = ScrollPage(), Label("A sentence. " * 20)
    page.content_layout.addWidget(text)
    qtbot.addWidget(page)
    page.resize(600, 400)
    page.show()
    qtbot.waitUntil(lambda: text.width() == 600 - 2 * theme.MARGIN)
    text.setText("A sentence. " * 2000)
    qtbot.waitUntil(page.verticalScrollBar().isVisible)
    assert page.viewport().width() < 600
    qtbot.waitUntil(lambda: text.width() == 600 - 2 * theme.MARGIN)


def test_a_centred_page_stands_in_the_middle_of_a_large_window(qtbot: QtBot) -> None:
    page = ScrollPage(width=400, margin=20, centred=True)
    qtbot.addWidget(page)
    page.resize(1000, 300)
    page.show()
    qtbot.waitUntil(lambda: (page.content.x(), page.content.width()) == (300, 400))
    page.resize(400, 300)
    qtbot.waitUntil(lambda: (page.content.x(), page.content.width()) == (20, 360))


def test_words_have_all_their_lines_on_a_page_that_is_wider_than_its_column(qtbot: QtBot) -> None:
    page, row, text = ScrollPage(width=400, margin=20), QWidget(), Label("A sentence of some words. " * 4)
    vbox(row).addWidget(text)
    page.content_layout.addWidget(row)
    page.content_layout.addStretch()
    qtbot.addWidget(page)
    page.resize(1600, 40)  # so that it scrolls
    page.show()
    qtbot.waitUntil(lambda: text.width() == 400)
    assert text.height() >= text.heightForWidth(400) > text.fontMetrics().height()


def test_in_a_tab_the_bar_takes_no_width(qtbot: QtBot) -> None:
    page, tall = ScrollPage(in_tab=True), QWidget()
    qtbot.addWidget(page)
    page.resize(400, 300)
    page.content_layout.addWidget(tall)
    page.show()
    (bar,) = page.findChildren(FloatingScrollBar)
    assert page.content.width() == 400 and not bar.isVisible()
    tall.setFixedHeight(900)
    qtbot.waitUntil(bar.isVisible)
    assert page.content.width() == 400 and bar.geometry().right() == 399
    bar.setValue(bar.maximum())
    assert page.verticalScrollBar().value() == page.verticalScrollBar().maximum() == 600
    page.verticalScrollBar().setValue(0)
    assert bar.value() == 0


def test_the_scroll_bar_of_a_tab_stands_in_the_margin_beside_its_cards(qtbot: QtBot) -> None:
    around, stack, page, other, tall = QWidget(), QStackedWidget(), ScrollPage(in_tab=True), QWidget(), QWidget()
    tall.setFixedHeight(2000)
    page.content_layout.addWidget(tall)
    stack.addWidget(page)
    stack.addWidget(other)
    vbox(around, theme.MARGIN).addWidget(stack)
    qtbot.addWidget(around)
    around.resize(400, 240)
    around.show()
    qtbot.waitExposed(around)
    (bar,) = around.findChildren(FloatingScrollBar)
    qtbot.waitUntil(bar.isVisible)
    assert bar.parentWidget() is around
    right = page.mapTo(around, page.rect().topRight()).x()
    assert right < bar.x() and bar.geometry().right() == around.rect().right()
    assert (bar.y(), bar.height()) == (theme.MARGIN, page.height())
    stack.setCurrentWidget(other)
    assert not bar.isVisible()
    stack.setCurrentWidget(page)
    assert bar.isVisible()
    stack.removeWidget(page)
    page.deleteLater()
    qtbot.waitUntil(lambda: not around.findChildren(FloatingScrollBar))
