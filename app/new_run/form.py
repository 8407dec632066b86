"""A form made from options: each with its label, help and default, and with a dot and Reset once it is changed."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from app.desktop.language import tr
from app.new_run.disabled_reasons import Reasons
from app.new_run.fields import Field, make_field
from app.runs.settings_text import GROUP_TITLES, format_value, list_changes
from app.style import theme
from app.widgets.buttons import quiet_button
from app.widgets.card import hbox, vbox
from app.widgets.labels import Label, caption, heading
from app.widgets.lines_card import LinesCard
from core.options import Option
from core.run import Run
from core.run.flags import option_value

BROWSE_TARGETS = {"output": "folder", "model.path": "folder", "data.path": "file", "data.eval_path": "file",
          "adapter.init": "folder", "options.reference": "folder", "options.teacher": "folder",
          "options.reward_file": "file", "options.replay": "file", "machines.hostfile": "file"}  # fmt: skip


class OptionLine(QWidget):
    """One option: its label and help on the left, its field on the right. `changed(key, value)` and
    `refused(key, sentence)` come from the field."""

    changed = Signal(str, object)
    refused = Signal(str, str)

    def __init__(self, key: str, option: Option) -> None:
        super().__init__()
        self.key, self.option = key, option
        self.field: Field = make_field(option, BROWSE_TARGETS.get(key, ""))
        self.field.changed.connect(self._accept)
        self.field.refused.connect(self._refuse)
        self.label = Label(option.label, wrap=False)
        self.label.setBuddy(self.field.control)
        self._dot = Label("●", "caption", tone="accent_text", wrap=False)
        self._dot.setAccessibleName(tr("Changed"))
        self.reset = quiet_button(tr("Reset"), "reset")
        self.reset.setFont(theme.font("caption"))
        self.reset.setAccessibleName(
            tr("Reset {label} to {value}", label=option.label, value=format_value(option, option.default))
        )
        self.reset.clicked.connect(lambda: self._accept(option.default, show=True))
        self._help = caption(self._help_text())  # a problem takes its place, so that nothing below moves
        self._reason = caption()
        self._reason.hide()
        self.value: Any = option.default
        self._was = ""  # its value in the run that is to be run again, where it is another
        self._is_refused = False  # what stands in the field is no value
        layout = hbox(self, gap=24)
        layout.setContentsMargins(16, 10, 16, 10)
        text_layout = vbox(gap=2)
        head = hbox(gap=6)
        head.addWidget(self.label)
        head.addWidget(self._dot)
        head.addWidget(self.reset)
        head.addStretch()
        for widget in (self._dot, self.reset):
            policy = widget.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            widget.setSizePolicy(policy)
        self.reset.setFixedHeight(20)
        text_layout.addLayout(head)
        text_layout.addWidget(self._help)
        text_layout.addWidget(self._reason)
        layout.addLayout(text_layout, 1)
        layout.addWidget(self.field, 0, Qt.AlignmentFlag.AlignVCenter)
        self.show_value(option.default)

    def show_value(self, value: Any, *, keep_refused: bool = False) -> None:
        """Show a value that another form or step has set; with `keep_refused` not over a text that is no value yet."""
        if keep_refused and self._is_refused and value == self.value:
            return
        self.field.show_value(value)
        self._mark(value)
        self._show_problem("")

    def disable_choices(self, reasons: dict[str, str]) -> None:
        """Grey what cannot be chosen and give the reason: {choice: reason}, with the choice "" for the whole option.

        What is chosen already stays enabled, so that the person can change it.
        """
        reason = "" if self.value != self.option.default else reasons.get("", "")
        choices = {choice: words for choice, words in reasons.items() if choice and choice != self.value}
        self.field.disable_choices({**choices, **({"": reason} if reason else {})})
        self._reason.setText(reason or " ".join(dict.fromkeys(choices.values())))
        self._reason.setVisible(bool(self._reason.text()))

    def matches(self, search: str) -> bool:
        """Whether every word of a search is in the option's name, label or help."""
        o = self.option
        parts = (self.key, o.label, o.help, o.when, o.flag, *o.choices, *o.labels.values())
        text = " ".join(parts).lower()
        return all(word in text for word in search.lower().split())

    def _help_text(self) -> str:
        o = self.option
        has_default = not o.optional and o.default not in ("", ())
        default = tr("Default: {value}.", value=format_value(o, o.default)) if has_default else ""
        return " ".join(part for part in (o.help, o.when, default) if part)

    def _accept(self, value: Any, show: bool = False) -> None:
        if show:
            self.field.show_value(value)
        self._mark(value)
        self._show_problem("")
        self.changed.emit(self.key, value)

    def _refuse(self, sentence: str) -> None:
        self._show_problem(sentence)
        self.refused.emit(self.key, sentence)

    def _show_problem(self, sentence: str) -> None:
        self._is_refused = bool(sentence)
        self._help.setMinimumHeight(self._help.height() if sentence else 0)
        self._help.setText(sentence or self._help_text())
        self._help.set_tone("bad" if sentence else "secondary")

    def show_origin(self, words: str) -> None:
        """Show the value that the option had in the run that is to be run again; "" where it is still that."""
        self._was = words
        self._mark(self.value)

    def _mark(self, value: Any) -> None:
        """Show the dot and Reset where the value is not the default, and what it was where it has been changed."""
        self.value = value
        different = value != self.option.default
        self._dot.setText(tr("● was {value}", value=self._was) if self._was else "●")
        self._dot.setVisible(different or bool(self._was))
        self.reset.setVisible(different)


class Form(QWidget):
    """Lines in cards, one card for each group of options. `changed(key, value)` and `refused(key, sentence)` as the
    person types."""

    changed = Signal(str, object)
    refused = Signal(str, str)

    def __init__(self, options: list[tuple[str, Option]], *, headings: bool = True) -> None:
        super().__init__()
        self.lines: dict[str, OptionLine] = {}
        self._cards: dict[str, tuple[QLabel | None, LinesCard]] = {}  # of each group, with its heading
        self._headings, layout = headings, vbox(self, gap=theme.GRID)
        self._groups_layout = vbox(gap=theme.GRID)
        layout.addLayout(self._groups_layout)
        self.add(options)
        self.no_match = caption(tr("No setting goes by these words."))
        self.no_match.hide()
        layout.addWidget(self.no_match)
        layout.addStretch()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.MinimumExpanding)

    def add(self, options: Sequence[tuple[str, Option]]) -> None:
        """Add a line for each of these options, to the card of its group."""
        for key, option in options:
            group = key.partition(".")[0] if "." in key else ""
            if group not in self._cards:
                group_heading = heading(GROUP_TITLES.get(group, group.capitalize())) if self._headings else None
                if group_heading is not None:
                    self._groups_layout.addSpacing(theme.GRID if self._cards else 0)
                    self._groups_layout.addWidget(group_heading)
                self._cards[group] = (group_heading, LinesCard())
                self._groups_layout.addWidget(self._cards[group][1])
            line = OptionLine(key, option)
            line.changed.connect(self.changed)
            line.refused.connect(self.refused)
            self.lines[key] = line
            self._cards[group][1].add(line)

    def show_run(self, run: Run) -> None:
        """Show a run's values."""
        for key, line in self.lines.items():
            line.show_value(option_value(run, key), keep_refused=True)

    def show_origin(self, run: Run, origin: Run | None) -> None:
        """Mark the options that differ from those of the run that is to be run again."""
        changes = {change.key: change.old for change in list_changes(origin, run)} if origin else {}
        for key, line in self.lines.items():
            line.show_origin(changes.get(key, ""))

    def show_key(self, run: Run, key: str) -> None:
        """Show one option's value where this form has it."""
        if key in self.lines:
            self.lines[key].show_value(option_value(run, key))

    def disable_choices(self, reasons: Reasons) -> None:
        """Grey what the run's other choices rule out."""
        for key, line in self.lines.items():
            line.disable_choices(reasons.get(key, {}))

    def search(self, text: str) -> None:
        """Show only the lines that match every word of the search."""
        for line in self.lines.values():
            line.setVisible(line.matches(text))
        for group_heading, card in self._cards.values():
            has_lines = any(not line.isHidden() for line in card.lines)
            card.setVisible(has_lines)
            if group_heading is not None:
                group_heading.setVisible(has_lines)
        self.no_match.setVisible(all(line.isHidden() for line in self.lines.values()))
