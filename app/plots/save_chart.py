"""A chart as a file: a picture (PNG, SVG), or its numbers (CSV)."""

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QWidget

from app.desktop.language import tr
from app.plots.chart import Chart
from app.runs.overlay import Overlay
from app.runs.record import RunRecord
from app.widgets.message_box import show_message

SUFFIXES = {".png": tr("Picture (PNG)"), ".svg": tr("Drawing (SVG)"), ".csv": tr("Numbers (CSV)")}


def ask_and_save(parent: QWidget, chart: Chart, record: RunRecord, title: str, others: Sequence[Overlay] = ()) -> None:
    """Ask for a file, and write the chart or its numbers into it; `others` are the runs that are drawn over it."""
    filters = ";;".join(f"{words} (*{suffix})" for suffix, words in SUFFIXES.items())
    # The system's question whether to overwrite would be an alert of its own: a file that is there stays.
    options = QFileDialog.Option.DontConfirmOverwrite
    chosen, kind = QFileDialog.getSaveFileName(parent, tr("Save the chart"), f"{title}.png", filters, options=options)
    if not chosen:
        return
    path = Path(chosen)
    if path.suffix.lower() not in SUFFIXES:
        path = path.with_name(path.name + next(s for s, words in SUFFIXES.items() if kind.startswith(words)))
    free = free_path(path)
    try:
        save_chart(chart, record, free, others)
        if free != path:
            heading = tr("The chart is saved as {name}.", name=free.name)
            show_message(parent, heading, tr("{name} was there already, and stays as it is.", name=path.name))
    except OSError as error:
        sentence = tr("{path} cannot be written: {reason}.", path=path, reason=error)
        show_message(parent, tr("The chart could not be saved."), sentence, tone="warn")


def free_path(path: Path) -> Path:
    """The path itself, or with a number behind its name where there is such a file already."""
    names = (path.with_stem(f"{path.stem} {n}") for n in itertools.count(2))
    return path if not path.exists() else next(p for p in names if not p.exists())


def save_chart(chart: Chart, record: RunRecord, path: Path, others: Sequence[Overlay] = ()) -> None:
    """Write a chart into a file, in the form that the file's name ends with. Raises OSError where that fails."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        write_numbers(record, path, others)
    elif suffix == ".svg":
        _draw(chart, path)
    elif not chart.grab().save(str(path), "PNG"):
        raise OSError(None, tr("the picture could not be written"), str(path))


def _draw(chart: Chart, path: Path) -> None:
    path.open("wb").close()  # QSvgGenerator does not say why a file cannot be written
    drawing = QSvgGenerator()
    drawing.setFileName(str(path))
    drawing.setSize(chart.size())
    drawing.setViewBox(chart.rect())
    drawing.setTitle(chart.accessibleName())
    drawing.setDescription(chart.accessibleDescription())
    painter = QPainter(drawing)
    painter.fillRect(chart.rect(), chart.backgroundBrush())
    chart.render(painter, QRectF(chart.rect()), chart.rect())
    painter.end()


def write_numbers(record: RunRecord, path: Path, others: Sequence[Overlay] = ()) -> None:
    """All curves of a run as CSV, and the losses of others, a line for each step: numbers with a point, or nothing."""
    columns = {
        "tokens": record.tokens,
        "seconds": record.seconds,
        "loss": record.loss,
        "learning_rate": record.learning_rate,
        "grad_norm": record.grad_norm,
        "tokens_per_second": record.speed,
        "peak_memory_gb": record.memory,
        **record.metrics,
        "held_out_loss": record.eval_loss,
        **{f"held_out_{name}": series for name, series in record.eval_metrics.items()},
        **{f"loss ({other.name})": other.record.loss for other in others},
        **{f"held_out_loss ({other.name})": other.record.eval_loss for other in others},
    }
    values = {name: dict(zip(series.x, series.y, strict=True)) for name, series in columns.items()}
    steps = sorted({step for points in values.values() for step in points})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", *columns])
        writer.writerows([_number(step), *(_number(values[name].get(step)) for name in columns)] for step in steps)


def _number(value: Any) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.10g}"
