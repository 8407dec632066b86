"""What is wrong with a run, in a line of its own: why it failed, what of it cannot be read, what was switched off."""

from PySide6.QtCore import Signal

from app.desktop.language import tr
from app.runs.run_state import RunState
from app.widgets.buttons import plain_button
from app.widgets.notice import Notice

_ENGINE_ADVICE = tr("Nothing is lost: the step was finished in MLX, and so are those after it.")
_DAMAGE_ADVICE = tr("What can be read is shown.")
_ADVICE = tr("Nothing you set is lost. Put it right in New run, and start again.")
_RESUME_ADVICE = tr(
    "Nothing you set is lost. Once the reason is gone, Resume begins again. To change what you set, go back to New run."
)


class RunNotice(Notice):
    """Shown only where there is something to tell. `fix` when a person wants to change what was set."""

    fix = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.fix_button = plain_button(tr("Back to New run"), "settings")
        self.fix_button.clicked.connect(self.fix)
        self.add_action(self.fix_button)

    def show_state(self, state: RunState) -> None:
        """Show what is wrong with the run as it stands now, or nothing."""
        record = state.record
        has_problem = bool(record.problem) and state.is_over  # not where it goes on
        self.fix_button.setVisible(has_problem)
        if has_problem:
            self.show_message(tr(record.problem), _describe_way_on(state))
        elif record.damage:
            self.show_message(tr("This run is damaged. {damage}", damage=record.damage), _DAMAGE_ADVICE)
        elif record.engine_off:
            self.show_message(record.engine_off, _ENGINE_ADVICE, "warn")
        else:
            self.hide()


def _describe_way_on(state: RunState) -> str:
    """What a person can do about a run that has failed."""
    saved = state.record.checkpoints
    if not state.can_resume:
        return _ADVICE
    if not saved:
        return _RESUME_ADVICE
    return tr("Resume goes on behind step {step:,}. To change what you set, go back to New run.", step=saved[-1])
