"""What the Runs page tells above its list: a run that failed, runs kept from before, runs that were interrupted."""

from collections.abc import Sequence

from app.desktop.language import tr, tr_count
from app.runs.kept_queue import QueuedRun
from app.runs.labels import data_label
from app.runs.live_run import LiveRun
from app.runs.run_list import RunRow
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.notice import Notice


class FailureNotice(Notice):
    """Tells of the run that failed last."""

    def __init__(self) -> None:
        super().__init__()
        self.again_button = plain_button(tr("Run again with a change…"), "reset")
        self.add_action(self.again_button)

    def show_failure(self, live: LiveRun, *, goes_on: bool) -> None:
        """Tell that a run has failed, and why. `goes_on`: there are others behind it."""
        rest = tr("The queue goes on with the runs behind it.") if goes_on else ""
        sentence = tr("“{name}” failed.", name=data_label(live.run))
        self.show_message(sentence, " ".join(filter(None, (tr(live.record.problem), rest))), "bad")


class HeldNotice(Notice):
    """Asks what becomes of runs that waited when Hone was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.start_button = plain_button(tr("Start them now"), "play")
        self.forget_button = quiet_button(tr("Forget them"))
        self.add_action(self.start_button)
        self.add_action(self.forget_button)

    def show_runs(self, held: Sequence[QueuedRun]) -> None:
        """Tell of these runs; of none it is hidden."""
        self.setVisible(bool(held))
        if held:
            self.show_message(
                tr_count(
                    "{count} run was waiting when Hone was closed.",
                    "{count} runs were waiting when Hone was closed.",
                    len(held),
                ),
                tr("They start once you say so."),
                "accent",
            )


class InterruptedNotice(Notice):
    """Tells of runs that ended without saying how, as after a crash."""

    def show_runs(self, rows: Sequence[RunRow]) -> None:
        """Tell of these runs; of none it is hidden."""
        self.setVisible(bool(rows))
        if rows:
            self.show_message(
                tr("“{name}” was interrupted before the end.", name=rows[0].entry.title)
                if len(rows) == 1
                else tr("{count} runs were interrupted before the end.", count=len(rows)),
                tr("Choose it and go on: it continues where it was."),
                "accent",
            )
