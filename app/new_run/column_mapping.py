"""Which column of the file holds which part of a row: a menu for each part. Changes data.columns."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QSizePolicy

from app.desktop.language import tr
from app.style import theme
from app.threads.throttle import Throttle
from app.widgets.buttons import quiet_button
from app.widgets.card import Card, hbox, vbox
from app.widgets.combo_box import ComboBox
from app.widgets.disabled import disable
from app.widgets.labels import caption, heading
from core.data.format.mapping import ASSISTANT
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED

# How rows of each kind of data can be laid out, and the parts of each layout; those in brackets are optional.
ROW_LAYOUTS: dict[str, dict[str, tuple[str, ...]]] = {
    TEXT: {
        tr("Questions with answers"): ("question", "(input)", "answer", "(thinking)", "(system)"),
        tr("Instructions with outputs"): ("instruction", "(input)", "output", "(system)"),
        tr("Conversations"): ("messages", f"({ASSISTANT})", "(system)", "(tools)"),
        tr("Prompts with completions"): ("prompt", "(input)", "completion", "(system)"),
        tr("Plain text"): ("text",),
    },
    PAIRS: {tr("Pairs"): ("prompt", "(input)", "chosen", "rejected", "(system)")},
    UNPAIRED: {tr("Marked answers"): ("prompt", "(input)", "completion", "label")},
    QUESTIONS: {tr("Questions"): ("question", "(input)", "answer", "(system)")},
}
CONTEXT = "input"  # the part that holds what stands beside a question
_PART_NAMES = {
    "question": tr("question"),
    "answer": tr("answer"),
    "thinking": tr("thinking"),
    "instruction": tr("instruction"),
    "output": tr("output"),
    "prompt": tr("prompt"),
    "completion": tr("completion"),
    "text": tr("text"),
    CONTEXT: tr("context"),
    "chosen": tr("better answer"),
    "rejected": tr("worse answer"),
    "label": tr("mark (good or bad)"),
    "messages": tr("list of messages"),
    ASSISTANT: tr("who is the assistant"),
    "system": tr("system message"),
    "tools": tr("tools it may call"),
}
_NO_COLUMN = "–"
_MENUS_PER_LINE = 5
_TYPING_MS = 400


class ColumnMapping(Card):
    """`changed(entries)` with the new value of data.columns; hidden until the person opens it."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._kind = ""  # of the data, as in core.data.kinds
        self._columns: tuple[str, ...] = ()  # that the file has
        self._speakers: tuple[str, ...] = ()  # who speak in its conversations, by name
        self._menus: dict[str, ComboBox] = {}
        self._entries: tuple[str, ...] = ()  # the value of data.columns that is shown
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        layout = vbox(self, 14, 8)
        head = hbox(gap=12)
        head.addWidget(heading(tr("What stands in which column")), 1)
        self.layout_menu = ComboBox(tr("What the rows are"))
        self.reset = quiet_button(tr("As detected"), "reset")
        self.close_button = quiet_button(tr("Close"))
        for part in (self.layout_menu, self.reset, self.close_button):
            head.addWidget(part)
        layout.addLayout(head)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(2)
        layout.addLayout(self._grid)
        self.needed = caption()
        layout.addWidget(self.needed)
        self._emit_soon = Throttle(self._emit_entries, _TYPING_MS, self, debounce=True)
        self.layout_menu.activated.connect(self._choose_layout)
        self.reset.clicked.connect(self._reset)
        self.close_button.clicked.connect(self.hide)
        self.hide()

    def show_columns(
        self, kind: str, columns: Sequence[str], entries: Sequence[str], speakers: Sequence[str] = ()
    ) -> None:
        """Show the columns that the file has, the names of those who speak in its conversations, and the entries of
        data.columns chosen so far."""
        mapping = dict(entry.split("=", 1) for entry in entries)
        shown = self._kind, self._columns, self._speakers, self._entries
        unchanged = (kind, tuple(columns), tuple(speakers), tuple(entries)) == shown
        disable(self.reset, "" if entries else tr("The columns are as they were detected."))
        if unchanged:
            return
        self._kind, self._columns, self._speakers, self._entries = kind, tuple(columns), tuple(speakers), tuple(entries)
        self.layout_menu.clear()
        self.layout_menu.addItems(list(ROW_LAYOUTS[kind]))
        self.layout_menu.setVisible(len(ROW_LAYOUTS[kind]) > 1)
        initial = mapping if set(mapping) - {ASSISTANT} else guess_columns(self._columns) | mapping
        layouts = {name: set(map(_role, parts)) for name, parts in ROW_LAYOUTS[kind].items()}
        fitting = [name for name, roles in layouts.items() if mapping and set(mapping) <= roles]
        full = [
            name for name, parts in ROW_LAYOUTS[kind].items() if all(p in initial or p.startswith("(") for p in parts)
        ]
        # Of several the one that reads most of the columns: "input" is a question by itself, not beside an instruction.
        full.sort(key=lambda name: -len({initial[role] for role in layouts[name] if role in initial}))
        self.layout_menu.setCurrentText((fitting or full or list(layouts))[0])
        self._make_menus(initial)

    def use_as_context(self, columns: Sequence[str]) -> None:
        """Choose these columns as the context, beside what is chosen already, and show the menus."""
        layouts = layouts_with_context(self._kind, self._columns)
        if self.layout_menu.currentText() not in layouts and layouts:
            self.layout_menu.setCurrentText(layouts[0])
            self._make_menus(guess_columns(self._columns))
        menu = self._menus[CONTEXT]
        menu.setCurrentText(columns[0] if len(columns) == 1 else " ".join(f"{{{column}}}" for column in columns))
        self.show()
        menu.setFocus()

    def entries(self) -> tuple[str, ...]:
        """The value for data.columns; () as long as a part that is not optional has no column."""
        parts = ROW_LAYOUTS[self._kind][self.layout_menu.currentText()]
        texts = {_role(part): self._menus[_role(part)].currentText().strip() for part in parts}
        if any(texts[part] in ("", _NO_COLUMN) for part in parts if not part.startswith("(")):
            return ()
        return tuple(f"{role}={text}" for role, text in texts.items() if text not in ("", _NO_COLUMN))

    @property
    def menus(self) -> dict[str, ComboBox]:
        """The menu of each part, by the part's name."""
        return self._menus

    def _choose_layout(self) -> None:
        self._make_menus(guess_columns(self._columns))
        self._emit_entries()

    def _make_menus(self, mapping: dict[str, str]) -> None:
        """A menu for each part of the layout, showing the column or text that `mapping` has for it."""
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()
        self._menus = {}
        parts = ROW_LAYOUTS[self._kind][self.layout_menu.currentText()]
        required = {mapping.get(part) for part in parts if not part.startswith("(")}
        for n, part in enumerate(parts):
            role = _role(part)
            name = _PART_NAMES[role]
            is_speaker = role == ASSISTANT
            menu = ComboBox(tr("Who is the assistant") if is_speaker else tr("Column for the {name}", name=name))
            menu.setEditable(True)
            menu.setInsertPolicy(ComboBox.InsertPolicy.NoInsert)
            menu.setSizeAdjustPolicy(ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            menu.setMinimumContentsLength(8)
            menu.addItems([_NO_COLUMN, *(self._speakers if is_speaker else self._columns)])
            column = mapping.get(role, _NO_COLUMN)
            is_taken = part.startswith("(") and column in required  # "input" is a question where there is no other
            menu.setCurrentText(_NO_COLUMN if is_taken else column)
            menu.editTextChanged.connect(lambda _: self._emit_soon())
            label = caption(name[0].upper() + name[1:])
            label.setBuddy(menu)
            line, column_number = divmod(n, _MENUS_PER_LINE)
            self._grid.addWidget(label, 2 * line, column_number)
            self._grid.addWidget(menu, 2 * line + 1, column_number)
            self._menus[role] = menu
        for n in range(_MENUS_PER_LINE):
            self._grid.setColumnStretch(n, 1)
        self._grid.setRowMinimumHeight(2, theme.GRID // 2)
        needed = ", ".join(_PART_NAMES[part] for part in parts if not part.startswith("("))
        self.needed.setText(
            tr(
                "Needed: {parts}. A column, or a text with columns in it, such as {example}.",
                parts=needed,
                example="{number} {unit}",
            )
        )

    def _emit_entries(self) -> None:
        entries = self.entries()
        if entries and entries != self._entries:
            self._entries = entries
            self.changed.emit(entries)

    def _reset(self) -> None:
        self._entries = ()
        self._make_menus(guess_columns(self._columns))
        self.changed.emit(())


def guess_columns(columns: Sequence[str]) -> dict[str, str]:
    """{part: column} for each part of a row that a column's name gives away."""
    from core.data.format import column_names as names_of
    from core.data.format.shapes.common import find_column

    names = {
        "question": names_of.QUESTION,
        "answer": names_of.ANSWER,
        "thinking": names_of.THINKING,
        "instruction": names_of.INSTRUCTION,
        "input": names_of.CONTEXT,
        "output": names_of.OUTPUT,
        "messages": names_of.MESSAGES,
        "system": names_of.SYSTEM,
        "tools": names_of.TOOLS,
        "prompt": names_of.PROMPT,
        "completion": names_of.COMPLETION,
        "text": names_of.TEXT,
        "chosen": names_of.CHOSEN,
        "rejected": names_of.REJECTED,
        "label": names_of.LABEL,
    }
    row = dict.fromkeys(columns)
    guesses = {role: find_column(row, candidates) for role, candidates in names.items()}
    return {role: column for role, column in guesses.items() if column}


def layouts_with_context(kind: str, columns: Sequence[str]) -> list[str]:
    """The layouts of a kind of data that have a place for context, and whose other parts these columns fill."""
    guesses = guess_columns(columns)
    return [
        name
        for name, parts in ROW_LAYOUTS[kind].items()
        if f"({CONTEXT})" in parts and all(part in guesses for part in parts if not part.startswith("("))
    ]


def _role(part: str) -> str:
    """A part of a layout without the brackets that mark it as optional."""
    return part.strip("()")
