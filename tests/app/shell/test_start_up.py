"""The window is shown before anything heavy is imported; heavy modules are imported on other threads."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

CODE = """
import sys
import app.__main__ as main
from PySide6.QtCore import QTimer
from app.shell.application import Application
def look():
    app = Application.instance()
    window = [w for w in app.topLevelWidgets() if w.isVisible()]
    heavy = {"mlx.core", "mlx_lm", "transformers", "pyqtgraph", "numpy", "huggingface_hub"} & set(sys.modules)
    print(len(window), sorted(heavy), flush=True)
    app.closeAllWindows()
import app.shell.window
show_event = app.shell.window.MainWindow.showEvent
app.shell.window.MainWindow.showEvent = lambda self, event: (show_event(self, event), QTimer.singleShot(0, look))
sys.exit(main.main(["--theme", "dark"]))
"""


def test_nothing_heavy_before_the_window_stands() -> None:
    result = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "1 []"


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
