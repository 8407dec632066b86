"""The window stands before anything heavy is imported, and the heavy things come on other threads."""

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
from app.shell.window import MainWindow
show_event = MainWindow.showEvent
MainWindow.showEvent = lambda self, event: (show_event(self, event), QTimer.singleShot(0, look))
sys.exit(main.main(["--theme", "dark"]))
"""


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_nothing_heavy_before_the_window_stands() -> None:
    completed = _run("-c", CODE)
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.strip() == "1 []"


def test_version_and_help() -> None:
    for flag, expected in (("--version", "Hone 0"), ("--help", "--theme")):
        completed = _run("-m", "app", flag)
        assert completed.returncode == 0
        assert expected in completed.stdout


# From another thread, a moment after the window stands: the main thread is idle in Qt, where Python hears no signal.
SIGTERM_CODE = """
import os, signal, sys, threading
import app.__main__ as main
from app.shell.window import MainWindow
later = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGTERM))
show_event = MainWindow.showEvent
MainWindow.showEvent = lambda self, event: (show_event(self, event), later.start())
sys.exit(main.main([]))
"""


def test_being_asked_to_end_is_a_clean_end() -> None:
    completed = _run("-c", SIGTERM_CODE)
    assert completed.returncode == 0, completed.stderr
    assert "Traceback" not in completed.stderr
