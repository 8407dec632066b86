"""The pages that the sidebar leads to, each made when it is first asked for."""

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.new_run.draft import Draft
from app.new_run.welcome import WelcomePage
from app.runs.job_queue import JobQueue
from app.shell.sidebar import PLACES
from app.threads.slices import do_in_slices
from app.threads.task import Task
from core import methods

if TYPE_CHECKING:  # each is imported when its page is made
    from app.new_run.wizard import Wizard
    from app.pages.chat import ChatPage
    from app.pages.datasets import DatasetsPage
    from app.pages.runs import RunsPage


# What the pages and a run's page are made of, in parts that take about as long. On the window's own thread: two threads
# that ask PySide for the same of its classes at once are not safe. What needs no Qt comes first, on another one.
_PARTS = (
    "app.new_run.wizard",
    "app.runs.history",
    "app.pages.runs",
    "app.pages.datasets",
    "app.pages.model_choice",
    "app.runs.chat_history",
    "app.pages.chat_panel",
    "app.pages.chat",
    "app.pages.export",
    "app.pages.result",
    "app.plots.panel",
    "app.pages.run_tabs",
    "app.pages.run",
    "app.preview.cells",
    "app.preview.rows_tab",
    "app.preview.view",
    "app.new_run.data_step",
    "app.new_run.model_cards",
    "app.new_run.model_step",
    "app.new_run.settings_step",
    "app.new_run.check_step",
)
_CORE_PARTS = (
    "core.data.preview.page",
    "core.data.preview.scan",
    "core.data.tokenize.plans",
    "core.data.tokenize.template_coverage",
    "core.distributed.own_gpu",
    "core.model.download",
    "core.model.hub_search",
    "core.model.local_models",
    "core.model.model_facts",
    "core.training.forgetting",
)


def _import_core() -> None:
    methods.load()
    for part in _CORE_PARTS:
        importlib.import_module(part)


class Places(QStackedWidget):
    """The first page at once, each other when it is first asked for or, once the window stands, by make_all().

    `made(key)` when a page is there, before it is shown: its signals can be connected.
    """

    made = Signal(str)

    def __init__(self, draft: Draft, jobs: JobQueue) -> None:
        super().__init__()
        self._draft, self._jobs = draft, jobs
        self._pages: dict[str, QWidget] = {}

    @property
    def welcome(self) -> WelcomePage:
        return cast(WelcomePage, self.page("welcome"))

    @property
    def wizard(self) -> "Wizard":
        return cast("Wizard", self.page("new"))

    @property
    def runs(self) -> "RunsPage":
        return cast("RunsPage", self.page("runs"))

    @property
    def datasets(self) -> "DatasetsPage":
        return cast("DatasetsPage", self.page("data"))

    @property
    def chat(self) -> "ChatPage":
        return cast("ChatPage", self.page("chat"))

    def page(self, key: str) -> QWidget:
        """The page of a place, by its key among the sidebar's."""
        if key not in self._pages:
            page = self._pages[key] = self._make(key)
            self.addWidget(page)
            self.made.emit(key)
        return self._pages[key]

    def has(self, key: str) -> bool:
        """Whether a place's page is made."""
        return key in self._pages

    def shown(self) -> str:
        """The key of the page that is shown, "" of one that is no place."""
        return next((key for key, page in self._pages.items() if page is self.currentWidget()), "")

    def make_all(self, done: Callable[[], None]) -> None:
        """Import and make the missing pages, a part in each turn, so that going to one takes no time; then `done()`."""
        Task(self, _import_core, lambda _: do_in_slices(self, self._make_missing(), done))

    def _make_missing(self) -> Iterator[None]:
        for part in _PARTS:
            if part not in sys.modules:
                importlib.import_module(part)
                yield
        for key, *_ in PLACES:
            self.page(key)
            yield

    def _make(self, key: str) -> QWidget:
        if key == "welcome":
            return WelcomePage(self._draft)
        if key == "new":
            from app.new_run.wizard import Wizard

            return Wizard(self._draft, self._jobs)
        if key == "runs":
            from app.pages.runs import RunsPage

            return RunsPage(self._jobs)
        if key == "data":
            from app.pages.datasets import DatasetsPage

            return DatasetsPage()
        from app.pages.chat import ChatPage

        return ChatPage(self._jobs)
