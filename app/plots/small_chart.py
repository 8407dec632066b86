"""A small chart in a card, with its name and its latest value."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.desktop.language import localize, tr
from app.runs.numbers import format_plain
from app.runs.record import RunRecord
from app.runs.series import Series
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import Label, caption

if TYPE_CHECKING:  # brings in pyqtgraph
    from app.plots.line_chart import LineChart


class SmallChart(Card):
    """One curve of a run with its latest value. Before build() only the value is shown."""

    def __init__(
        self,
        name: str,
        series: Callable[[RunRecord], Series],
        format_value: Callable[[float], str],
        *,
        note: Callable[[RunRecord], str] = lambda _: "",
        limit: Callable[[RunRecord], float | None] = lambda _: None,
    ) -> None:
        """`note` says something beside the latest value; at `limit` there is a line that the curve must stay below."""
        super().__init__()
        self._name, self._series, self._format_value, self._note = name, series, format_value, note
        self._limit = limit
        self._column = vbox(self, gap=0)
        self._column.setContentsMargins(12, 8, 8, 6)
        head = hbox(gap=6)
        head.addWidget(caption(name), 1)
        self.value = Label("", "caption", bold=True, figures=True, wrap=False)
        head.addWidget(self.value)
        self._column.addLayout(head)
        self._column.addStretch()
        self.chart: LineChart | None = None

    def build(self) -> None:
        """Make the chart itself, which needs pyqtgraph."""
        from app.plots.line_chart import LineChart

        self.chart = LineChart(self._name)
        self._column.takeAt(1)
        self._column.addWidget(self.chart, 1)

    def show_record(self, record: RunRecord, kind: str) -> None:
        """Draw the run's curve over what `kind` counts, and write its latest value."""
        series, limit = self._series(record), self._limit(record)
        words = (self._format_value(series.y[-1]), self._note(record)) if len(series) else ("–",)
        self.value.setText(", ".join(filter(None, words)))
        if self.chart is not None:
            self.chart.show_series(series, record, kind, limit)
            of = "" if limit is None else tr(", of {limit} that there are", limit=self._format_value(limit))
            self.chart.setAccessibleDescription(f"{self._name}: {self.value.text()}{of}")


def small_charts() -> dict[str, SmallChart]:
    """The four small charts that every run has, by the field of RunRecord that each one draws."""
    return {
        "learning_rate": SmallChart(tr("Learning rate"), lambda record: record.learning_rate, format_plain),
        "grad_norm": SmallChart(tr("Gradient norm"), lambda record: record.grad_norm, format_plain),
        "speed": SmallChart(tr("Tokens per second"), lambda record: record.speed, format_plain),
        "memory": SmallChart(
            tr("Memory, GB"),
            lambda record: record.memory,
            lambda v: localize(f"{v:.2f}"),
            note=lambda record: record.mlx_memory,
            limit=lambda record: record.memory_limit,
        ),
    }
