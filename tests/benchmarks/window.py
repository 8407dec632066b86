"""How soon the window is there, and how late its timers are while a model trains.

    uv run python tests/benchmarks/window.py [--write]

Start-up: from starting the process to the first painted frame, five times. Lateness: a 16 ms timer on the UI
thread beside a real run on the starter model, while it starts and while it trains. With --write the figures go
to tests/benchmarks/results/window.md.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from core import backend

RESULTS = Path(__file__).parent / "results" / "window.md"
INTERVAL = 16  # milliseconds

FIRST_FRAME = """
import sys, time
import app.__main__ as program
import app.window as window
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

class Timed(window.MainWindow):
    def paintEvent(self, event):
        super().paintEvent(event)
        print(time.time(), flush=True)
        QTimer.singleShot(0, QApplication.quit)

window.MainWindow = Timed
sys.exit(program.main([]))
"""


def start_up(times: int = 5) -> list[float]:
    """Seconds from starting the process to its first painted frame."""
    found = []
    for _ in range(times):
        began = time.time()
        made = subprocess.run([sys.executable, "-c", FIRST_FRAME], capture_output=True, text=True, check=True)
        found.append(float(made.stdout.split()[0]) - began)
    return found


def lateness(steps: int) -> dict[str, list[float]]:
    """Milliseconds between ticks of a 16 ms timer: "idle", "starting" (loading, first step) and "training"."""
    from PySide6.QtCore import QEventLoop, Qt, QTimer
    from PySide6.QtWidgets import QApplication

    from app.window import MainWindow
    from core.events import Step
    from core.run import Run
    from core.runfolder import RunFolder

    application = QApplication.instance() or QApplication([])
    window = MainWindow()
    window.show()
    gaps: dict[str, list[float]] = {"idle": [], "starting": [], "training": []}
    phase, last = "idle", time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps[phase].append((now - last) * 1000)
        last = now

    timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=INTERVAL)
    timer.timeout.connect(tick)
    timer.start()
    _wait(QEventLoop, QTimer, 2000)
    phase = "starting"
    with tempfile.TemporaryDirectory() as folder:
        train = {"steps": steps, "samples": 0}
        window.wizard.start.emit(Run.from_dict({"output": str(Path(folder) / "run"), "train": train}))
        live = window.jobs.current
        assert live is not None
        loop = QEventLoop()

        def changed() -> None:
            nonlocal phase
            if any(isinstance(e, Step) for e in RunFolder(Path(folder) / "run").events()):
                phase = "training"
                live.changed.disconnect(changed)

        live.changed.connect(changed)
        live.ended.connect(loop.quit)
        loop.exec()
        timer.stop()
        window.close()
    del application
    return gaps


def _wait(loop_type: type, timer_type: type, milliseconds: int) -> None:
    loop = loop_type()
    timer_type.singleShot(milliseconds, loop.quit)
    loop.exec()


def table() -> str:
    facts = backend.machine()
    began = start_up()
    gaps = lateness(steps=150)
    lines = [
        "# The window: start-up and smoothness",
        "",
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}; "
        + ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
        + f"; Qt platform {os.environ.get('QT_QPA_PLATFORM', 'default')}.",
        "",
        "Made by `uv run python tests/benchmarks/window.py --write`. Not measured on a Mac.",
        "",
        f"Start-up, process to first painted frame, {len(began)} times: median {statistics.median(began):.2f} s, "
        f"worst {max(began):.2f} s.",
        "",
        f"Gaps between the ticks of a {INTERVAL} ms timer on the UI thread, in milliseconds:",
        "",
        "| while | ticks | median | p99 | worst |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, values in gaps.items():
        ordered = sorted(values)
        p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        lines.append(f"| {name} | {len(values)} | {statistics.median(values):.1f} | {p99:.1f} | {max(values):.1f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    told = table()
    print(told)
    if parser.parse_args().write:
        RESULTS.write_text(told, encoding="utf-8")
