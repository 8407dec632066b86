"""The tabs of a run's page: its result, charts, samples, answers and log, of which only the one shown is drawn."""

from pathlib import Path

from app.desktop.language import tr
from app.pages.log import LogPage
from app.pages.result import ResultPage
from app.pages.rollouts import RolloutsPage
from app.plots.panel import ChartPanel
from app.runs.record import RunRecord
from app.widgets.answer_timeline import AnswerTimeline
from app.widgets.scroll_page import ScrollPage
from app.widgets.tabs import Tabs


class RunTabs(Tabs):
    """Call use() before the tabs are shown."""

    def __init__(self, result: ResultPage, charts: ChartPanel) -> None:
        super().__init__(tr("Views of the run"))
        self.result, self.charts = result, charts
        self.samples, self.rollouts, self.log = AnswerTimeline(), RolloutsPage(), LogPage()
        self._samples_page = ScrollPage(in_tab=True)
        self._samples_page.content_layout.addWidget(self.samples)
        self.add(tr("Result"), self.result)
        self.add(tr("Charts"), self.charts)
        self.add(tr("Samples"), self._samples_page)
        self.add(tr("Answers"), self.rollouts)
        self.add(tr("Log"), self.log)

    def use(self, folder: Path, *, has_rollouts: bool) -> None:
        """Show the run of this folder; the answers are those of an on-policy method, which scores them."""
        self.charts.use_folder(folder)
        self.rollouts.use(folder)
        self.set_visible(self.rollouts, has_rollouts)

    def show_record(self, record: RunRecord, *, next_chart_only: bool = False) -> None:
        """Draw the tab that is shown; of the charts, with `next_chart_only`, the small ones a little later."""
        page = self.stack.currentWidget()
        if page is self.charts:
            if next_chart_only:
                self.charts.show_next(record)
            else:
                self.charts.show_record(record)
        elif page is self.log:
            self.log.show_record(record)
        elif page is self._samples_page:
            self.samples.show_samples(record.samples)
        elif page is self.rollouts:
            self.rollouts.refresh()
