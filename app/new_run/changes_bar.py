"""The line in New run that says which run its settings come from, and what has been changed since."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr, tr_count
from app.new_run.draft import Draft
from app.runs.settings_text import SettingChange, list_changes
from app.style import theme
from app.widgets.buttons import quiet_button
from app.widgets.card import hbox
from app.widgets.labels import ElidedLabel, IconLabel, Label

_SHOWN = 3  # changes that are named; the tooltip has all of them


class ChangesBar(QWidget):
    """Shown while the draft has an origin: a run that is to be run again with a change. `show_settings` on a click."""

    show_settings = Signal()

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        layout = hbox(self, gap=8)
        layout.setContentsMargins(theme.MARGIN, 0, theme.MARGIN, 8)
        layout.addWidget(IconLabel("reset", "accent_text", 16))
        self.origin = Label("", bold=True, wrap=False)
        layout.addWidget(self.origin)
        self.changes = ElidedLabel("")
        layout.addWidget(self.changes, 1)
        self.undo_button = quiet_button(tr("Undo"))
        self.undo_button.setAccessibleName(tr("Undo the changes"))
        self.undo_button.clicked.connect(draft.undo_changes)
        layout.addWidget(self.undo_button)
        self.close_button = quiet_button(tr("Hide"))
        self.close_button.setAccessibleName(tr("No longer mark what is changed"))
        self.close_button.clicked.connect(draft.forget_origin)
        layout.addWidget(self.close_button)
        draft.changed.connect(lambda _: self.show_changes())
        self.show_changes()

    def show_changes(self) -> None:
        """Show the draft as it is now."""
        origin = self._draft.origin
        self.setVisible(origin is not None)
        if origin is None:
            return
        changes = list_changes(origin.run, self._draft.run)
        self.origin.setText(tr("As in “{name}”:", name=origin.name))
        text = describe_changes(changes)
        self.changes.setText(text)
        self.changes.setAccessibleName(text)
        self.changes.setToolTip("\n".join(map(_describe, changes)))
        self.undo_button.setVisible(bool(changes))


def describe_changes(changes: list[SettingChange]) -> str:
    """The changes in a line: the first ones by name, and how many others there are."""
    if not changes:
        return tr("nothing is changed yet.")
    named = "; ".join(_describe(change) for change in changes[:_SHOWN])
    others = len(changes) - _SHOWN
    if others <= 0:
        return named
    return tr_count("{named}; and {count} other", "{named}; and {count} others", others, named=named)


def _describe(change: SettingChange) -> str:
    return tr("{setting} {old} → {new}", setting=change.option.label, old=change.old, new=change.new)
