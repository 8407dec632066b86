"""The window is shown before anything heavy is imported; heavy modules are imported on other threads."""

import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.new_run.interrupted_row import InterruptedRow
from app.new_run.machine_card import MachineCard
from app.shell.window import MainWindow

pytestmark = pytest.mark.usefixtures("idle_work")

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


IMPORTS = """
import os, sys, threading
from pathlib import Path
from app.plots.load import load_charts
from app.shell.application import Application
elsewhere = []
class Watcher:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is not threading.main_thread():
            elsewhere.append(name)
sys.meta_path.insert(0, Watcher())
app, loaded = Application(["hone"]), []
load_charts(app, lambda: loaded.append(True))
while not loaded:
    app.processEvents()
print("numpy" in elsewhere, "pyqtgraph" in sys.modules, "app.plots.comparison_chart" in sys.modules)
print([name for name in elsewhere if name.startswith(("PySide6", "pyqtgraph", "app."))])
os._exit(0)
"""


def test_only_what_knows_nothing_of_qt_is_imported_on_another_thread() -> None:
    """Beside the UI thread, which makes classes of its own, it would crash the program."""
    result = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.stdout.splitlines() == ["True True True", "[]"], result.stdout + result.stderr


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
