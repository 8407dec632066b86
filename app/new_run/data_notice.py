"""What is wrong with the data, or which other method learns from them, with a button that switches to it."""

from PySide6.QtCore import Signal

from app.desktop.language import tr
from app.new_run import goals
from app.threads.task import Task
from app.widgets.buttons import primary_button
from app.widgets.notice import Notice
from core import methods
from core.run import Run


class DataNotice(Notice):
    """`misfit_found(misfit)` where nothing can be learned from the rows by the chosen method, but by another one;
    `switched(method)` when a person takes the method that is offered."""

    misfit_found = Signal(object)
    switched = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.looking: Task | None = None
        self._method = ""  # that is offered
        self.switch = primary_button(tr("Switch"))
        self.switch.hide()
        self.switch.clicked.connect(lambda: self.switched.emit(self._method))
        self.add_action(self.switch)

    def clear(self) -> None:
        """Say nothing, also not what is being looked for."""
        self._end_looking()
        self.hide()
        self.switch.hide()

    def look_for_misfit(self, run: Run) -> None:
        """Nothing can be learned from the run's rows: look whether another method can."""
        self._end_looking()
        self.looking = Task(self, lambda: goals.find_misfit(run), done=self._tell_misfit)

    def look_for_richer(self, run: Run) -> None:
        """Something can be learned from the run's rows: look whether another method learns from more of them."""
        self._end_looking()
        self.looking = Task(self, lambda: goals.find_richer(run), done=self._show_richer)

    def offer(self, method: str, sentence: str, advice: str = "") -> None:
        """Show a sentence with the button that switches to a method."""
        self.show_message(sentence, advice, "accent")
        self._method = method
        self.switch.setText(tr("Switch to {title}", title=tr(methods.load()[method].title)))
        self.switch.show()

    def _end_looking(self) -> None:
        if self.looking:
            self.looking.cancel()

    def _tell_misfit(self, misfit: goals.Misfit | None) -> None:
        if misfit is not None:
            self.misfit_found.emit(misfit)

    def _show_richer(self, found: tuple[str, str] | None) -> None:
        if found is not None:
            self.offer(*found)
