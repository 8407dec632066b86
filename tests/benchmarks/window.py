"""How soon the window is there, and how late its timers are while a model trains.

    uv run python tests/benchmarks/window.py [--write]

Start-up: from starting the process to the first painted frame, five times. Lateness: a 16 ms timer on the UI
thread beside a real run on the starter model, while it starts and while it trains. Painting: the window's own charts
with four curves of 50,000 points, while they grow and while somebody zooms. With --write the figures go to
tests/benchmarks/results/window.md.
"""

import argparse
import json
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
import app.shell.window as window
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
    durations = []
    for _ in range(times):
        start = time.time()
        process = subprocess.run([sys.executable, "-c", FIRST_FRAME], capture_output=True, text=True, check=True)
        durations.append(float(process.stdout.split()[0]) - start)
    return durations


def lateness(steps: int) -> dict[str, list[tuple[float, float]]]:
    """(milliseconds between two ticks of a 16 ms timer, those of them that the UI thread itself has worked) while
    "settling" (the other pages and the first charts are made), "idle", "starting" (loading, first step) and
    "training"."""
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
    gaps: dict[str, list[tuple[float, float]]] = {"settling": [], "idle": [], "starting": [], "training": []}
    phase, last, last_work = "settling", time.perf_counter(), time.thread_time()

    def tick() -> None:
        nonlocal last, last_work
        now, work = time.perf_counter(), time.thread_time()
        gaps[phase].append(((now - last) * 1000, (work - last_work) * 1000))
        last, last_work = now, work

    timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=INTERVAL)
    timer.timeout.connect(tick)
    timer.start()
    while not window.runs.is_prepared:
        _wait(QEventLoop, QTimer, 100)
    phase = "idle"
    _wait(QEventLoop, QTimer, 2000)
    phase = "starting"
    with tempfile.TemporaryDirectory() as folder:
        train = {"steps": steps, "samples": 0}
        window.wizard.start.emit(Run.from_dict({"output": str(Path(folder) / "run"), "train": train}))
        live = window.jobs.current
        assert live is not None
        loop = QEventLoop()

        def follow_phase() -> None:
            nonlocal phase
            if any(isinstance(e, Step) for e in RunFolder(Path(folder) / "run").events()):
                phase = "training"
                live.changed.disconnect(follow_phase)

        live.changed.connect(follow_phase)
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
    for position, name in enumerate(names):
        record.metrics[name] = Series(2 * POINTS)  # the window's own are halved before they come to so many
        for n in range(POINTS):
            record.metrics[name].append(n, position + 2 * math.exp(-n / 9000) + 0.1 * math.sin(n * 7.3 + position))
    record.loss = record.metrics[names[0]]
    many = MetricChart(ChartSpec("many", "Many", "Many points.", tuple(Metric(name, name) for name in names)))
    durations = {}
    for title, chart in (
        (f"{CURVES} curves of {POINTS:,} points", many),
        (f"the loss, {POINTS:,} points and their average", LossChart()),
    ):
        chart.resize(*SIZE)
        chart.show()
        durations[f"{title}: growing"] = [_timed(application, partial(_grow, chart, record)) for _ in range(60)]
        zooms = [partial(_zoom, chart, record, n < 40) for n in range(60)]
        durations[f"{title}: zooming"] = [_timed(application, zoom) for zoom in zooms]
        chart.close()
    return durations


def _grow(chart: Any, record: Any) -> None:
    for series in record.metrics.values():
        series.append(len(series), series.y[-1])
    chart.show_record(record)


def _zoom(chart: Any, record: Any, closer: bool) -> None:
    """One notch of the mouse's wheel over the chart, closer or further away."""
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    position = QPointF(0.7 * SIZE[0], SIZE[1] / 2)
    no_keys, phase = (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier), Qt.ScrollPhase.NoScrollPhase
    turn = QPoint(0, 120 if closer else -120)
    global_position = chart.viewport().mapToGlobal(position)
    QApplication.sendEvent(
        chart.viewport(), QWheelEvent(position, global_position, QPoint(), turn, *no_keys, phase, False)
    )
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


def build_page() -> str:
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
        "Aimed at while a run starts: nothing above 33 ms. The page of a run is made before there is a run, in pieces, "
        "and laid out while the window settles; the run's thread begins once it is painted. While it trains, the "
        "numbers over the tabs, the large chart's curves, their painting and each small chart have turns of their own. "
        "The longest turn while the window settles is the import of pyqtgraph, which cannot be parted; at the end of a "
        "run the page of its result is filled.",
        "",
        f"Painting a chart of {SIZE[0]} × {SIZE[1]} pixels, from new values to the finished picture, in milliseconds:",
        "",
        "| what | pictures | median | p99 | worst |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [_row(name, values) for name, values in _in_a_process_of_its_own(painting.__name__).items()]
    return "\n".join(lines) + "\n"


def _in_a_process_of_its_own(function: str) -> Any:
    """What a function of this module returns where no window was before, which would be let go of meanwhile."""
    code = f"import json; from tests.benchmarks.window import {function}; print(json.dumps({function}()))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(process.stdout)


def _row(name: str, values: list[float]) -> str:
    sorted_values = sorted(values)
    p99 = sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * 0.99))]
    return f"| {name} | {len(values)} | {statistics.median(values):.1f} | {p99:.1f} | {max(values):.1f} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    page = build_page()
    print(page)
    if parser.parse_args().write:
        RESULTS.write_text(page, encoding="utf-8")
