"""How a run is going, or what a person has asked of it, in the strip over its tabs."""

from app.desktop.language import tr
from app.runs import health, status_text
from app.runs.run_state import RunState
from app.widgets.health_strip import HealthStrip
from core.run import Run

# The words of the button for what can be done.
_ACTIONS = {
    health.STOP: tr("Stop and keep the best"),
    health.LOWER: tr("Lower the learning rate…"),
    health.CHANGE: tr("Change the learning rate…"),
}


class RunHealth(HealthStrip):
    """Shown while the run trains."""

    def show_state(self, run: Run, state: RunState) -> None:
        """Show how the run is going now, or what comes before it stops or pauses."""
        self.setVisible(not state.record.is_over and not state.is_over)
        if state.is_stopping:
            self.show_health("accent", _describe_stop(run, state))
        elif state.is_pausing:
            self.show_health("accent", status_text.describe_pause())
        else:
            found = health.assess(state.record)
            words = _ACTIONS.get(found.action, "") if state.can_pause else ""
            self.show_health(found.tone, found.sentence, found.action, words)


def _describe_stop(run: Run, state: RunState) -> str:
    started = state.record.started
    validates = started is None or started.eval_rows > 0
    return status_text.describe_stop(state.record, validates, run.train.samples > 0)
