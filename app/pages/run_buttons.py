"""The buttons for a run: a checkpoint now, Pause, Stop, Discard and Resume, each while it can be used."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.runs.run_state import RunState
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import hbox
from app.widgets.disabled import disable


class RunButtons(QWidget):
    """A row of buttons. `focus_lost` before the one with the focus is disabled: Qt would give it to the next one, which
    stops the run."""

    focus_lost = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.checkpoint = plain_button(tr("Checkpoint now"), "save")
        self.pause = plain_button(tr("Pause"), "pause")
        self.stop = plain_button(tr("Stop and keep"), "stop")
        self.discard = quiet_button(tr("Discard…"))
        self.resume = plain_button(tr("Resume"), "play")
        layout = hbox(self, gap=8)
        for button in (self.checkpoint, self.pause, self.stop, self.discard, self.resume):
            layout.addWidget(button)

    def show_state(self, state: RunState) -> None:
        """Show the buttons that make sense now, with words for what they do now."""
        is_training = state.active is not None and not state.is_waiting
        for button in (self.checkpoint, self.pause, self.discard):
            button.setVisible(is_training)
        self.stop.setVisible(state.active is not None)
        self.resume.setVisible(state.can_resume)
        if state.active is not None:
            self._enable(state)
            self.checkpoint.setText(tr("Saving…") if state.is_saving else tr("Checkpoint now"))
            self.pause.setText(tr("Pausing…") if state.is_pausing else tr("Pause"))
            words = tr("Skip the rest") if state.is_stopping else tr("Stop and keep")
            self.stop.setText(tr("Take out of the queue") if state.is_waiting else words)

    def _enable(self, state: RunState) -> None:
        reasons = {self.checkpoint: state.save_reason, self.pause: state.pause_reason}
        if any(button.hasFocus() and reason for button, reason in reasons.items()):
            self.focus_lost.emit()
        for button, reason in reasons.items():
            disable(button, reason)
        is_skipping = state.active is not None and state.active.is_skipping
        disable(self.discard, tr("It is stopping.") if is_skipping else "")
        disable(self.stop, "" if state.can_stop else tr("It is stopping."))
