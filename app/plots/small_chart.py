"""A small chart in a card, with its name and its latest value."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.runs.numbers import format_plain
from app.runs.record import RunRecord
from app.runs.series import Series
from app.widgets.card import Card, hbox, vbox
from app.widgets.labels import Label, caption

if TYPE_CHECKING:  # brings in pyqtgraph
    from app.plots.line_chart import LineChart


class SmallChart(Card):
    """One curve with its latest value, written by `format_value`. Before build() only the value is shown."""

    def __init__(
        self, name: str, format_value: Callable[[float], str], note: Callable[[RunRecord], str] = lambda _: ""
    ) -> None:
        """`note` says something beside the latest value."""
        super().__init__()
        self._name, self._format_value, self._note = name, format_value, note
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

    def show_series(self, series: Series, record: RunRecord, kind: str) -> None:
        """Draw a curve and write its latest value."""
        words = (self._format_value(series.y[-1]), self._note(record)) if len(series) else ("–",)
        self.value.setText(", ".join(filter(None, words)))
        if self.chart is not None:
            self.chart.show_series(series, record, kind)
            self.chart.setAccessibleDescription(f"{self._name}: {self.value.text()}")


def small_charts() -> dict[str, SmallChart]:
    """The four small charts that every run has, by the field of Record that each one draws."""
    return {
        "learning_rate": SmallChart("Learning rate", format_plain),
        "grad_norm": SmallChart("Gradient norm", format_plain),
        "speed": SmallChart("Tokens per second", lambda v: f"{v:,.0f}"),
        "memory": SmallChart("Memory, GB", lambda v: f"{v:.2f}", lambda record: record.mlx_memory),
    }
