"""The reading of a run's data in the background: one at a time, and of which data and state of their files it is."""

import functools
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject

from app.preview import dataset_reader
from app.runs import datasets
from app.threads.task import Task
from core.run import Run


class DataReading:
    """What was read last, or is being read.

    `show` takes each item of dataset_reader.read_data(); `finished` is called at the end, `failed` with what is wrong.
    """

    def __init__(
        self,
        parent: QObject,
        show: Callable[[Any], None],
        finished: Callable[[object], None],
        failed: Callable[[str], None],
    ) -> None:
        self._parent, self._show, self._finished, self._failed = parent, show, finished, failed
        self._task: Task | None = None
        self._key: dataset_reader.DataKey | None = None
        self._stamp: tuple[str, ...] = ()  # of the files

    def is_of(self, run: Run) -> bool:
        """Whether the rows are those of a run, and its files have not changed since."""
        return dataset_reader.data_key(run) == self._key and datasets.stamp_run(run) == self._stamp

    def has_files_of(self, run: Run) -> bool:
        """Whether the files are those of a run, if only understood in another way."""
        return self._key is not None and self._key.path == run.data.path

    def start(self, run: Run) -> None:
        """Read a run's data, in the place of what is being read."""
        self.stop()
        self._key, self._stamp = dataset_reader.data_key(run), datasets.stamp_run(run)
        work = functools.partial(dataset_reader.read_data, run)
        self._task = Task(self._parent, work, self._finish, self._fail, self._show)

    def stop(self) -> None:
        """Read no further."""
        if self._task:
            self._task.cancel()
        self._task = None

    def _finish(self, result: object) -> None:
        self._task = None
        self._finished(result)

    def _fail(self, sentence: str) -> None:
        self._task = None
        self._failed(sentence)
