"""Tours through the window: each shows one page or dialog after the other, so that a test can look at all of them.

A new page or tab of a tour is found by itself, and so is a new dialog: its class has to be in DIALOGS."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtWidgets import QDialog, QWidget
from pytestqt.qtbot import QtBot

import app
from app.desktop.language import tr
from app.new_run.downloads_dialog import DownloadsDialog
from app.new_run.draft_menu import NameDialog
from app.new_run.token_dialog import TokenDialog
from app.pages import chat
from app.pages.correct_answer import CorrectAnswerDialog
from app.pages.export_dialog import ExportDialog
from app.pages.help import HelpWindow
from app.pages.hub_sheet import HubSheet
from app.pages.ollama_sheet import OllamaSheet
from app.pages.run_notes import RunNotesDialog
from app.pages.settings import SettingsWindow
from app.runs.history import list_runs
from app.shell import dialogs
from app.shell.crash_dialog import CrashDialog
from app.shell.licenses_window import LicensesWindow
from app.shell.window import MainWindow
from app.threads.export_calls import ExportJob
from app.widgets.message_box import MessageBox
from app.widgets.tabs import Tabs
from core.run import Run, runs_folder
from tests.app.pages.test_chat import FakeChat
from tests.app.pages.test_compare import make_runs, show_comparison
from tests.app.pages.test_pause import held_events
from tests.app.sample_files import ROWS_BY_KIND
from tests.app.stories import play_story

Stop = tuple[str, QWidget]  # where the tour is, and the window that it shows
Tour = Callable[[QtBot, MainWindow, Path], Iterator[Stop]]


def _wait_until(qtbot: QtBot, is_true: Callable[[], bool]) -> None:
    """Wait, on a busy machine too."""
    qtbot.waitUntil(is_true, timeout=60_000)


def each_tab(qtbot: QtBot, tabs: Tabs, name: str, window: QWidget) -> Iterator[Stop]:
    """Show one tab after the other."""
    for index in range(tabs.bar.count()):
        if tabs.bar.isTabVisible(index):
            tabs.bar.setCurrentIndex(index)
            qtbot.wait(100)
            yield f"{name}, {tabs.bar.tabText(index)}", window


def steps(qtbot: QtBot, window: MainWindow, dataset: Path) -> Iterator[Stop]:
    """The steps of a new run."""
    wizard = window.wizard
    for index in range(5):
        wizard.show_step(index)
        qtbot.wait(100)
        if index == 2:
            _wait_until(qtbot, lambda: bool(wizard.model.recommended.cards))
        if index == 4:
            _wait_until(qtbot, wizard.check.start_button.isEnabled)
        yield f"step {index + 1}", window


def places(qtbot: QtBot, window: MainWindow, dataset: Path) -> Iterator[Stop]:
    """The places of the sidebar, with nothing there and with some runs and a dataset."""
    names = ("welcome", "runs", "data", "chat")
    for name in names:
        window.go(name)
        qtbot.wait(100)
        yield f"{name}, empty", window
    make_runs()
    window.open_files([dataset])
    _wait_until(qtbot, lambda: window.wizard.data.scanned is not None)
    for name in names:
        window.go(name)
        qtbot.wait(300)
        yield name, window
    show_comparison(qtbot, window)
    yield "runs compared", window


def data(qtbot: QtBot, window: MainWindow, dataset: Path) -> Iterator[Stop]:
    """The rows of each kind of data, with a row that is chosen."""
    step = window.wizard.data
    preview = step.preview
    for kind, row in ROWS_BY_KIND.items():
        window.draft.set("method", {"pairs": "dpo", "thumbs": "kto", "questions": "grpo"}[kind])
        path = dataset.with_name(f"{kind}.jsonl")
        path.write_text("".join(row.replace("@", str(n)) for n in range(12)), encoding="utf-8")
        window.open_files([path])
        _wait_until(qtbot, lambda: step.scanned is not None and preview.rows.model.row_at(0) is not None)
        preview.rows.table.selectRow(1)
        for stop in each_tab(qtbot, preview.tabs, kind, window):
            if preview.lengths.isVisible():
                _wait_until(qtbot, lambda: preview.lengths.lengths is not None and preview.lengths.cancel.isHidden())
            yield stop
    step.columns.show()
    qtbot.wait(100)
    yield "columns", window


def settings(method: str) -> Tour:
    """The settings of a method."""

    def tour(qtbot: QtBot, window: MainWindow, dataset: Path) -> Iterator[Stop]:
        window.draft.set("method", method)
        window.wizard.show_step(3)
        window.wizard.settings.more_button.setChecked(True)
        yield from each_tab(qtbot, window.wizard.settings.tabs, method, window)

    return tour


def run(method: str) -> Tour:
    """A run that is over."""

    def tour(qtbot: QtBot, window: MainWindow, dataset: Path) -> Iterator[Stop]:
        window.runs.train_events = lambda run: lambda stop, save_now: play_story(run, stop, save_now)
        window.draft.set("method", method)
        page = window.runs.start(window.draft.run)
        _wait_until(qtbot, lambda: page.record.is_over and page.tabs.charts.complete)
        (page.folder / "adapter_config.json").write_text('{"fine_tune_type": "lora", "model": "starter"}')
        uses = page.tabs.result.use_it
        uses.use(Path())
        uses.use(page.folder)
        _wait_until(qtbot, lambda: bool(uses.rows))
        yield from each_tab(qtbot, page.tabs, method, window)

    return tour


def run_under_way(qtbot: QtBot, window: MainWindow, dataset: Path) -> Iterator[Stop]:
    """A run in training, and paused."""
    window.runs.train_events = held_events
    page = window.runs.start(Run().replace("data.path", str(dataset)))
    _wait_until(qtbot, lambda: page.record.last_step is not None and page.buttons.pause.isEnabled())
    yield from each_tab(qtbot, page.tabs, "training", window)
    page.buttons.pause.click()
    _wait_until(qtbot, lambda: window.jobs.current is None)
    qtbot.wait(200)
    yield "paused", window


def conversation(qtbot: QtBot, window: MainWindow, dataset: Path) -> Iterator[Stop]:
    """A conversation with its settings and history, and an answer that is put right."""
    make_runs()
    opener, chat.chat_opener = chat.chat_opener, lambda run, adapter: FakeChat
    window.go("chat")
    page = window.chat_page
    _wait_until(qtbot, lambda: page.model.box.count() > 1)
    page.model.menu.actions()[0].trigger()
    page.view.question.setPlainText("<think>Who asks?</think> Who are you?")
    page.send()
    _wait_until(qtbot, lambda: page.view.button.text() == tr("Send"))
    for button in (page.panel.settings_button, page.panel.history_button):
        button.click()
        qtbot.wait(100)
        yield f"chat, {button.text()}", window
    chat.chat_opener = opener


def _make_dialogs(window: MainWindow) -> dict[type[QDialog], Callable[[], QDialog]]:
    job = ExportJob(runs_folder() / "small", "ollama", "small")
    messages = [{"role": "user", "content": "Who are you?"}]
    return {
        NameDialog: lambda: NameDialog(window, "Name of the draft", "first", lambda name: None),
        DownloadsDialog: lambda: DownloadsDialog(window, set()),
        TokenDialog: lambda: TokenDialog(window),
        CorrectAnswerDialog: lambda: CorrectAnswerDialog(window, messages, "Nobody."),
        ExportDialog: lambda: ExportDialog(window, window.jobs, runs_folder() / "small"),
        HelpWindow: lambda: HelpWindow(window),
        HubSheet: lambda: HubSheet(window, job, "small"),
        OllamaSheet: lambda: OllamaSheet(window, job, "small", Path.home()),
        RunNotesDialog: lambda: RunNotesDialog(window, list_runs(runs_folder())[0]),
        CrashDialog: _make_crash_dialog,
        LicensesWindow: lambda: LicensesWindow(window),
        MessageBox: lambda: _ask(window),
        SettingsWindow: lambda: _open_settings(window),
    }


def _open_settings(window: MainWindow) -> QDialog:
    window.navigation.show_settings(window.menus.read_choices())
    (dialog,) = window.findChildren(SettingsWindow)
    return dialog


def _make_crash_dialog() -> QDialog:
    box = CrashDialog()
    box.add("Traceback")
    return box


def _ask(window: MainWindow) -> QDialog:
    dialogs.confirm_begin(window, "mine.jsonl", lambda: None)
    (box,) = window.findChildren(MessageBox)
    return box


def each_dialog(qtbot: QtBot, window: MainWindow, dataset: Path) -> Iterator[Stop]:
    """All dialogs and windows beside the main one."""
    make_runs()
    makers = _make_dialogs(window)
    missing = {cls.__name__ for cls in dialog_classes()} - {cls.__name__ for cls in makers}
    assert not missing, f"add these to the tour: {missing}"
    for cls, make in makers.items():
        dialog = make()
        dialog.show()
        dialog.activateWindow()
        _wait_until(qtbot, dialog.isActiveWindow)
        qtbot.wait(100)
        tabs = dialog.findChild(Tabs)
        if tabs is None:
            yield cls.__name__, dialog
        else:
            yield from each_tab(qtbot, tabs, cls.__name__, dialog)
        dialog.close()


def dialog_classes() -> set[type[QDialog]]:
    """The classes of the app's own dialogs."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, waiting = set(), [QDialog]
    while waiting:
        children = waiting.pop().__subclasses__()
        waiting += children
        found |= {cls for cls in children if cls.__module__.startswith("app.")}
    return found


TOURS: dict[str, Tour] = {
    "steps": steps,
    "places": places,
    "data": data,
    "conversation": conversation,
    "dialogs": each_dialog,
    "a run under way": run_under_way,
    **{f"settings of {method}": settings(method) for method in ("sft", "dpo", "kto", "dapo", "distill")},
    **{f"a run of {method}": run(method) for method in ("sft", "kto", "grpo", "distill")},
}
