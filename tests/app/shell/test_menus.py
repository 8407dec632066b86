"""The View menu leads to every place of the sidebar, each with a key."""

from threading import Event as Flag

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAction, QFocusEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.pages.settings import SettingsWindow
from app.shell.sidebar import PLACES
from app.shell.window import MainWindow
from app.widgets.line_edit import LineEdit
from core.run import Run, runs_folder
from tests.app.conftest import play_script


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


def test_the_edit_menu_selects_all_runs_and_copies_the_name_of_one(qtbot: QtBot, window: MainWindow) -> None:
    for name in ("a", "b"):
        list(play_script(Run().replace("output", str(runs_folder() / name)), Flag(), Flag(), steps=10))
    window.go("runs")
    table = window.runs_page.table
    qtbot.waitUntil(lambda: table.model().rowCount() == 2)
    table.setFocus()
    qtbot.waitUntil(table.hasFocus)
    qtbot.keyClick(table, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(table.selected_rows()) == 2 and window.runs_page.buttons.compare.isEnabled()
    table.setCurrentIndex(table.model().index(1, 0))
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(table, Qt.Key.Key_Escape)  # Qt would hold Ctrl for pressed in the tests that follow
    assert QApplication.clipboard().text() == table.model().index(1, 0).data()
    (edit,) = [menu.menu() for menu in window.menuBar().actions() if menu.text() == "&Edit"]
    edit.aboutToShow.emit()
    assert [a.text() for a in edit.actions() if a.data() and a.isEnabled()] == ["&Copy", "Select &all"]
    edit.aboutToHide.emit()
