"""The window is shown before anything heavy is imported; heavy modules are imported on other threads."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.new_run.interrupted_row import InterruptedRow
from app.new_run.machine_card import MachineCard
from app.shell.window import MainWindow

ROOT = Path(__file__).parents[3]

CODE = """
import builtins, linecache, sys
import app.__main__ as main
from PySide6.QtCore import QTimer
from app.shell.application import Application
def look():
    app = Application.instance()
    window = [w for w in app.topLevelWidgets() if w.isVisible()]
    heavy = {"mlx.core", "mlx_lm", "transformers", "pyqtgraph", "numpy", "huggingface_hub", "tokenizers", "duckdb",
             "nanoarrow", "jinja2", "psutil", "keyring", "safetensors", "asyncio", "PySide6.QtNetwork",
             "app.new_run.data_step", "app.new_run.model_step", "app.new_run.settings_step", "app.new_run.check_step",
             "app.new_run.wizard", "app.pages.runs", "app.pages.datasets", "app.pages.chat", "app.pages.compare",
             "app.pages.help", "app.pages.export_dialog", "app.shell.crash_dialog", "core.methods.grpo",
             "core.rewards", "hashlib", "app.preview.view", "core.data.preview.page", "core.data.read.reader",
             "core.data.format.example"} & set(sys.modules)
    print(len(window), sorted(heavy), builtins.__import__ is builtins.__orig_import__, flush=True)
    print([name for name in linecache.cache if "/app/" in name], flush=True)
    app.closeAllWindows()
import app.shell.window
show_event = app.shell.window.MainWindow.showEvent
app.shell.window.MainWindow.showEvent = lambda self, event: (show_event(self, event), QTimer.singleShot(0, look))
sys.exit(main.main(["--theme", "dark"]))
"""


def test_nothing_heavy_before_the_window_stands() -> None:
    result = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["1 [] True", "[]"]  # and PySide has read the source of no module


CLASSES = """
import os, sys
from app.plots import load
from app.plots.panel import ChartPanel
from app.runs.record import RunRecord
from app.shell.application import Application
def made():
    return {name: {n for n, value in vars(module).items() if isinstance(value, type)}
            for name, module in list(sys.modules.items()) if name.startswith("PySide6.Qt")}
def import_charts():
    before = made()
    imported()
    after = made()
    print(len(before["PySide6.QtWidgets"]) > len(early["PySide6.QtWidgets"]))
    new = {name: sorted(classes - before.get(name, set())) for name, classes in after.items()}
    print({name: classes for name, classes in new.items() if classes})
imported, load.import_charts = load.import_charts, import_charts
app = Application(["hone"])
panel = ChartPanel()
panel.resize(900, 600)
early = made()
panel.show_record(RunRecord())
while not panel.complete:
    app.processEvents()
os._exit(0)
"""


def test_the_charts_are_imported_without_making_a_class_of_qt() -> None:
    """They are imported on another thread, beside which the UI thread makes classes of its own: a crash."""
    result = subprocess.run([sys.executable, "-c", CLASSES], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.stdout.splitlines() == ["True", "{}"], result.stdout + result.stderr


def test_version_and_help() -> None:
    for flag, text in (("--version", "Hone 0"), ("--help", "--theme")):
        result = subprocess.run(
            [sys.executable, "-m", "app", flag], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 0
        assert text in result.stdout


# From another thread, a moment after the window is shown: the main thread is idle in Qt, where Python sees no signal.
SIGNALLED = """
import os, signal, sys, threading
import app.__main__ as main
import app.shell.window
timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM))
show_event = app.shell.window.MainWindow.showEvent
app.shell.window.MainWindow.showEvent = lambda self, event: (show_event(self, event), timer.start())
sys.exit(main.main([]))
"""


def test_being_asked_to_end_is_a_clean_end() -> None:
    result = subprocess.run([sys.executable, "-c", SIGNALLED], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr


SHOWN = """
import os
import core
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QWidget
from app.shell.application import Application
from app.shell.window import MainWindow
class Watch(QObject):
    def eventFilter(self, widget, event):
        if event.type() == QEvent.Type.Show and isinstance(widget, QWidget) and widget.isWindow():
            print(type(widget).__name__, flush=True)
        return False
app = Application(["hone"])
watch = Watch()
app.installEventFilter(watch)
window = MainWindow()
window.show()
for page in window.wizard.pages:
    app.processEvents()
print([page.name for page in window.wizard.pages] == [step.text() for step in window.wizard.rail.steps], flush=True)
os._exit(0)
"""


def test_nothing_but_the_window_is_shown_while_it_and_its_steps_are_built() -> None:
    """A widget that is shown before it has a parent is a window of its own: it flashes, and takes the focus."""
    result = subprocess.run([sys.executable, "-c", SHOWN], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.stdout.splitlines() == ["MainWindow", "True"], result.stderr


def test_nothing_of_the_rest_begins_before_the_window_is_drawn(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the first picture takes long; what would be imported meanwhile would hold it up further."""
    began: list[str] = []
    monkeypatch.setattr(MachineCard, "look", lambda self: began.append("machine"))
    monkeypatch.setattr(InterruptedRow, "look", lambda self: began.append("interrupted"))
    window = MainWindow()
    qtbot.addWidget(window)
    qtbot.wait(150)  # several times what it waits once it is drawn
    assert began == [] and not any(window.stack.has(place) for place in ("new", "runs", "data", "chat"))
    window.show()
    qtbot.waitUntil(lambda: began == ["machine", "interrupted"] and "data" in vars(window.wizard))


def test_each_page_is_made_a_moment_after_the_window_stands(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: all(window.stack.has(place) for place in ("new", "runs", "data", "chat")))
    assert window.stack.currentWidget() is window.welcome and window.stack.count() == 5


def test_a_page_that_is_gone_to_at_once_is_made_once_and_connected(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    window.go("runs")
    page = window.runs_page
    assert window.stack.currentWidget() is page
    window.show()
    qtbot.waitUntil(lambda: window.stack.has("chat"))
    assert window.runs_page is page and window.stack.count() == 5
    page.new_run.emit()
    assert window.stack.currentWidget() is window.wizard


def test_each_step_is_built_a_moment_after_the_window_stands(qtbot: QtBot) -> None:
    window = MainWindow()
    qtbot.addWidget(window)
    assert "data" not in vars(window.wizard) and "check" not in vars(window.wizard)
    window.show()
    qtbot.waitUntil(lambda: {"goal", "data", "model", "settings", "check"} <= vars(window.wizard).keys())
    window.wizard.show_named("check")
    assert window.wizard.stack.currentWidget() is window.wizard.check
