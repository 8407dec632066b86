"""Starts the window in German, learns from a file of rows, and prints what a German reads: a child of test_german.py.

python -m tests.app.desktop.german_window DATASET
"""

import json
import locale
import os
import sys
import time
from pathlib import Path

import app.__main__ as program
from core.run import Run


def cut_pages(window) -> list[str]:  # type: ignore[no-untyped-def]
    """The pages that are wider than a small window has room for: German words are the longest."""
    from PySide6.QtWidgets import QApplication

    from app.widgets.scroll_page import ScrollPage

    def look_at(name: str) -> None:
        for _ in range(3):
            QApplication.processEvents()
        for page in window.findChildren(ScrollPage):
            if page.isVisible() and page.widget().width() > page.viewport().width():
                cut.append(name)

    cut: list[str] = []
    window.resize(900, 600)
    for place in ("welcome", "runs", "data", "chat"):
        window.go(place)
        look_at(place)
    for method in ("sft", "dpo", "grpo", "distill"):
        window.draft.set("method", method)
        for step in ("goal", "data", "model", "settings", "check"):
            window.wizard.show_named(step)
            window.go("new")
            look_at(f"{step} of {method}")
    return cut


def look(window) -> dict[str, object]:  # type: ignore[no-untyped-def]
    """Lead the window from the file to a run's chart."""
    from PySide6.QtWidgets import QApplication, QMessageBox

    from app.new_run.fields import TextField
    from app.widgets.message_box import MessageBox, show_message
    from app.widgets.scroll_page import ScrollPage
    from tests.app.conftest import play_script

    def wait_until(is_true) -> None:  # type: ignore[no-untyped-def]
        end = time.monotonic() + 60
        while not is_true():
            if time.monotonic() > end:
                raise TimeoutError("waited in vain")
            QApplication.processEvents()
            time.sleep(0.005)

    wizard, folder = window.wizard, Path(sys.argv[1]).parent / "run"
    window.open_files([Path(sys.argv[1])])
    wait_until(lambda: wizard.data.scanned is not None)
    wizard.show_named("settings")
    option = wizard.settings._forms[1].lines["train.learning_rate"]
    assert isinstance(option.field, TextField)
    option.field.control.setText("0,0003")
    option.field.control.textEdited.emit("0,0003")
    option.field.show_value(0.00025)
    shown = option.field.control.text()
    window.draft.set("output", str(folder))
    window.runs.train_events = lambda run: lambda stop, save_now: play_script(run, stop, save_now)
    page = window.runs.start(window.draft.run)
    wait_until(lambda: page.record.is_over and page.tabs.charts.complete)
    (folder / "adapters.safetensors").touch()
    page.tabs.result.show_result(page.run, page.record, page.folder)
    window.stack.setCurrentWidget(page)
    window.resize(900, 600)
    wait_until(page.tabs.result.isVisible)
    QApplication.processEvents()
    scroll = page.tabs.result.findChild(ScrollPage)
    axis = page.tabs.charts.loss.getAxis("left")
    show_message(window, "Halt", "Ein Satz.")
    (box,) = window.findChildren(MessageBox)
    found = {
        "places": window.sidebar._list.item(1).text(),
        "rows": wizard.data.file.sentence.text(),
        "field": shown,
        "axis": axis.tickStrings([0.5, 1.0], 1.0, 0.5),
        "toml": (folder / "run.toml").read_text(encoding="utf-8"),
        "rate": Run.read(folder / "run.toml").train.learning_rate,
        "decimal point": locale.localeconv()["decimal_point"],
        "native alert": bool(window.findChildren(QMessageBox)),
    }
    box.close()
    found["cut"] = cut_pages(window) + ["result"] * (scroll.widget().width() > scroll.viewport().width())
    window.jobs.shut_down()
    return found


def main() -> None:
    from PySide6.QtCore import QTimer

    import app.shell.window

    shown = app.shell.window.MainWindow.showEvent

    def begin(window) -> None:  # type: ignore[no-untyped-def]
        print(json.dumps(look(window)), flush=True)
        os._exit(0)

    def show_event(self, event) -> None:  # type: ignore[no-untyped-def]
        shown(self, event)
        QTimer.singleShot(0, lambda: begin(self))

    app.shell.window.MainWindow.showEvent = show_event  # type: ignore[method-assign]
    program.main(["--language", "de"])


if __name__ == "__main__":
    from app.desktop import language

    language.use("de")  # before the window's modules are imported
    main()
