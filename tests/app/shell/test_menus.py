"""The View menu leads to every place of the sidebar, each with a key."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QFocusEvent
from pytestqt.qtbot import QtBot

from app.pages.settings import SettingsWindow
from app.shell.sidebar import PLACES
from app.shell.window import MainWindow
from app.widgets.line_edit import LineEdit


def test_each_place_has_its_key(window: MainWindow) -> None:
    (view,) = [menu for menu in window.menuBar().actions() if menu.text() == "&View"]
    actions = [action for action in view.menu().actions() if action.shortcut().toString().startswith("Ctrl+")]
    assert [action.shortcut().toString() for action in actions] == [f"Ctrl+{n}" for n in range(5)]
    shown = []
    for action in actions:
        action.trigger()
        shown.append(window.stack.shown())
        assert action.menuRole() == QAction.MenuRole.NoRole
    assert shown == [place[0] for place in PLACES]


def test_the_settings_open_by_their_key(window: MainWindow) -> None:
    (file,) = [menu for menu in window.menuBar().actions() if menu.text() == "&File"]
    (settings,) = [action for action in file.menu().actions() if action.text() == "&Settings…"]
    assert settings.shortcut().toString() == "Ctrl+,"
    assert settings.menuRole() == QAction.MenuRole.PreferencesRole
    settings.trigger()
    assert window.findChild(SettingsWindow).isVisible()


def test_what_edits_text_is_grey_without_a_text_field(qtbot: QtBot, window: MainWindow) -> None:
    window.go("chat")
    (edit,) = [menu.menu() for menu in window.menuBar().actions() if menu.text() == "&Edit"]
    cut = next(action for action in edit.actions() if action.text() == "Cu&t")
    for widget, is_enabled in ((window.chat_page.view.question, True), (window.sidebar, False)):
        widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        widget.setFocus()
        qtbot.waitUntil(widget.hasFocus)
        edit.aboutToShow.emit()
        assert cut.isEnabled() == is_enabled
        assert cut.toolTip() == ("Cut" if is_enabled else "No text field has the keyboard.")
        edit.aboutToHide.emit()
        qtbot.waitUntil(cut.isEnabled)  # for its key


def test_the_edit_menu_reaches_the_field_also_where_the_menu_bar_has_the_keyboard(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.go("chat")
    question = window.chat_page.view.question
    question.setPlainText("hello")
    question.selectAll()
    question.setFocus()
    qtbot.waitUntil(question.hasFocus)
    (edit,) = [menu.menu() for menu in window.menuBar().actions() if menu.text() == "&Edit"]
    edit.aboutToShow.emit()
    window.menuBar().setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    window.menuBar().setFocus()  # as Alt+E does
    qtbot.waitUntil(window.menuBar().hasFocus)
    next(action for action in edit.actions() if action.text() == "Cu&t").trigger()
    assert question.toPlainText() == ""
    edit.aboutToHide.emit()


def test_a_line_keeps_its_selection_while_the_menu_bar_has_the_keyboard(qtbot: QtBot) -> None:
    line = LineEdit("Name")
    qtbot.addWidget(line)
    line.setText("abc")
    for reason, kept in ((Qt.FocusReason.MenuBarFocusReason, "abc"), (Qt.FocusReason.TabFocusReason, "")):
        line.selectAll()
        line.focusOutEvent(QFocusEvent(QEvent.Type.FocusOut, reason))
        assert line.selectedText() == kept
