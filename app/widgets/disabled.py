"""Controls that cannot be used now, each with the reason: the one place where a control is disabled."""

from PySide6.QtWidgets import QWidget

_OWN_WORDS = "words_while_enabled"


def disable(control: QWidget, reason: str) -> None:
    """Disable a control, and give the reason to who points at it and to a screen reader; with "" it can be used, and
    says again what it said before."""
    own = control.property(_OWN_WORDS) or [control.toolTip(), control.accessibleDescription()]
    control.setProperty(_OWN_WORDS, own if reason else None)
    control.setEnabled(not reason)
    control.setToolTip(reason or own[0])
    control.setAccessibleDescription(reason or own[1])
