"""A small chart in a card, with its name and its latest value."""

from collections.abc import Callable

from app.plots.chart import DRAWN, Chart
from app.series import Series, thinned
from app.widgets.card import Card, column, row
from app.widgets.text import Text, caption


class SmallChart(Card):
    """One curve; `words` writes its latest value."""

    def __init__(self, name: str, words: Callable[[float], str]) -> None:
        super().__init__()
        self._name, self._words = name, words
        layout = column(self, gap=0)
        layout.setContentsMargins(12, 8, 8, 6)
        head = row(gap=6)
        head.addWidget(caption(name), 1)
        self.value = Text("", "caption", bold=True, figures=True, wrap=False)
        head.addWidget(self.value)
        layout.addLayout(head)
        self.chart = Chart(name, small=True)
        curve = self.chart.getPlotItem().plot(connect="finite")
        self.chart.curves = {"value": curve}
        self.chart.restyle()
        self.chart.setMinimumHeight(44)
        layout.addWidget(self.chart, 1)

    def show_series(self, series: Series) -> None:
        if not len(series):
            self.value.setText("–")
            self.chart.say_empty(" ")
            return
        self.chart.say_empty("")
        self.chart.curves["value"].setData(*thinned(series.x, series.y, DRAWN))
        low, high = float(series.y.min()), float(series.y.max())
        if high - low <= 1e-9 * abs(high):  # a flat line: from zero, so that it does not look like noise
            self.chart.setYRange(min(0.0, 2 * low), max(0.0, 2 * high) or 1.0)
        else:
            self.chart.enableAutoRange(axis="y")
        latest = self._words(float(series.y[-1]))
        self.value.setText(latest)
        self.chart.setAccessibleDescription(f"{self._name}: {latest}")


def small_charts() -> dict[str, SmallChart]:
    """The four that every run has."""
    return {
        "learning_rate": SmallChart("Learning rate", lambda v: f"{v:.2e}"),
        "grad_norm": SmallChart("Gradient norm", lambda v: f"{v:.2f}"),
        "speed": SmallChart("Tokens per second", lambda v: f"{v:,.0f}"),
        "memory": SmallChart("Peak memory, GB", lambda v: f"{v:.2f}"),
    }
