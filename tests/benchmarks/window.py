"""How soon the window is there, and how late its timers are while a model trains.

    uv run python tests/benchmarks/window.py [--write]

Start-up: from starting the process to the first painted frame, five times. Lateness: a 16 ms timer on the UI
thread beside a real run on the starter model, while it starts and while it trains. Painting: the window's own charts
with four curves of 50,000 points, while they grow and while somebody zooms. With --write the figures go to
tests/benchmarks/results/window.md.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from core.device.machine import machine

RESULTS = Path(__file__).parent / "results" / "window.md"
INTERVAL = 16  # milliseconds
POINTS, CURVES, SIZE = 50_000, 4, (1000, 420)

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


def lateness(steps: int) -> dict[str, list[tuple[float, float]]]:
    """(milliseconds between two ticks of a 16 ms timer, those of them that the UI thread itself has worked) while
    "idle", "starting" (loading, first step) and "training"."""
    from PySide6.QtCore import QEventLoop, Qt, QTimer

    from app.__main__ import SWITCH_SECONDS
    from app.shell.application import Application
    from app.shell.window import MainWindow
    from core.events import Step
    from core.run import Run
    from core.run.folder import RunFolder

    application = Application.instance() or Application([])
    sys.setswitchinterval(SWITCH_SECONDS)  # both as the program does
    window = MainWindow()
    window.show()
    gaps: dict[str, list[tuple[float, float]]] = {"idle": [], "starting": [], "training": []}
    phase, last, worked = "idle", time.perf_counter(), time.thread_time()

    def tick() -> None:
        nonlocal last, worked
        now, work = time.perf_counter(), time.thread_time()
        gaps[phase].append(((now - last) * 1000, (work - worked) * 1000))
        last, worked = now, work

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
        live.finished.connect(loop.quit)
        loop.exec()
        timer.stop()
        window.close()
    del application
    return gaps


def painting() -> dict[str, list[float]]:
    """Milliseconds to take in new values, lay out and paint a chart of many points, and the same for each zoom."""
    from PySide6.QtWidgets import QApplication

    from app.plots.curves import MetricChart
    from app.plots.loss_chart import LossChart
    from app.runs.record import RunRecord
    from app.runs.series import Series
    from core.methods import ChartSpec, Metric

    application = QApplication.instance() or QApplication([])
    record = RunRecord()
    names = [f"curve {n}" for n in range(CURVES)]
    for place, name in enumerate(names):
        record.metrics[name] = Series(2 * POINTS)  # the window's own are halved before they come to so many
        for n in range(POINTS):
            record.metrics[name].append(n, place + 2 * math.exp(-n / 9000) + 0.1 * math.sin(n * 7.3 + place))
    record.loss = record.metrics[names[0]]
    many = MetricChart(ChartSpec("many", "Many", "Many points.", tuple(Metric(name, name) for name in names)))
    found = {}
    for words, chart in (
        (f"{CURVES} curves of {POINTS:,} points", many),
        (f"the loss, {POINTS:,} points and their average", LossChart()),
    ):
        chart.resize(*SIZE)
        chart.show()
        found[f"{words}: growing"] = [_timed(application, partial(_grow, chart, record)) for _ in range(60)]
        zooms = [partial(_zoom, chart, record, n < 40) for n in range(60)]
        found[f"{words}: zooming"] = [_timed(application, zoom) for zoom in zooms]
        chart.close()
    return found


def _grow(chart: Any, record: Any) -> None:
    for series in record.metrics.values():
        series.append(len(series), series.y[-1])
    chart.show_record(record)


def _zoom(chart: Any, record: Any, closer: bool) -> None:
    """One notch of the mouse's wheel over the chart, closer or further away."""
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    place = QPointF(0.7 * SIZE[0], SIZE[1] / 2)
    none, phase = (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier), Qt.ScrollPhase.NoScrollPhase
    turn = QPoint(0, 120 if closer else -120)
    at = chart.viewport().mapToGlobal(place)
    QApplication.sendEvent(chart.viewport(), QWheelEvent(place, at, QPoint(), turn, *none, phase, False))
    chart.show_record(record)


def _timed(application: Any, act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    application.processEvents()
    return (time.perf_counter() - start) * 1000


def _wait(loop_type: type, timer_type: type, milliseconds: int) -> None:
    loop = loop_type()
    timer_type.singleShot(milliseconds, loop.quit)
    loop.exec()


def table() -> str:
    facts = machine()
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
        f"Gaps between the ticks of a {INTERVAL} ms timer on the UI thread, in milliseconds, and the processor time "
        "that this thread itself used in each, which other work on the machine hardly changes:",
        "",
        "| while | ticks | median | p99 | worst |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, values in gaps.items():
        lines += [_row(name, [gap for gap, _ in values]), _row(f"{name}, own work", [work for _, work in values])]
    lines += [
        "",
        "Aimed at while a run starts: p99 below 33 ms, nothing above 150. What is left there was seen by sampling the "
        "thread: the run's page and its five charts are made on it, 30 to 80 ms of its own work each, one a turn; the "
        "rest is waiting for imports beside it.",
        "",
        f"Painting a chart of {SIZE[0]} × {SIZE[1]} pixels, from new values to the finished picture, in milliseconds:",
        "",
        "| what | pictures | median | p99 | worst |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [_row(name, values) for name, values in painting().items()]
    return "\n".join(lines) + "\n"


def _row(name: str, values: list[float]) -> str:
    ordered = sorted(values)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"| {name} | {len(values)} | {statistics.median(values):.1f} | {p99:.1f} | {max(values):.1f} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    told = table()
    print(told)
    if parser.parse_args().write:
        RESULTS.write_text(told, encoding="utf-8")
