"""Which column of the file is what: a menu for each part that rows of this kind have. Changes data.columns."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QSizePolicy

from app.style import theme
from app.threads.throttle import Throttle
from app.widgets.buttons import quiet
from app.widgets.card import Card, column, row
from app.widgets.combo_box import Combo
from app.widgets.labels import caption, heading
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED

# What the rows of each kind can be, and the parts that go with it; those in brackets may be left out.
LAYOUTS: dict[str, dict[str, tuple[str, ...]]] = {
    TEXT: {
        "Questions with answers": ("question", "answer", "(thinking)", "(system)"),
        "Instructions with outputs": ("instruction", "(input)", "output", "(system)"),
        "Conversations": ("messages", "(system)", "(tools)"),
        "Prompts with completions": ("prompt", "completion"),
        "Plain text": ("text",),
    },
    PAIRS: {"Pairs": ("prompt", "chosen", "rejected", "(system)")},
    UNPAIRED: {"Marked answers": ("prompt", "completion", "label")},
    QUESTIONS: {"Questions": ("question", "answer", "(system)")},
}
_WORDS = {
    "chosen": "better answer",
    "rejected": "worse answer",
    "label": "mark (good or bad)",
    "messages": "list of messages",
    "system": "system message",
    "tools": "tools it may call",
}
_NONE = "–"
_ACROSS = 4
_TYPING_MS = 400


class ColumnsCard(Card):
    """`changed(entries)` with what goes into data.columns; hidden until it is asked for."""

    changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._kind, self._found = "", ()  # type: str, tuple[str, ...]
        self._menus: dict[str, Combo] = {}
        self._shown: tuple[str, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        layout = column(self, 14, 8)
        head = row(gap=12)
        head.addWidget(heading("What stands in which column"), 1)
        self.layout_menu = Combo("What the rows are")
        self.reset = quiet("As detected", "reset")
        self.close_button = quiet("Close")
        for part in (self.layout_menu, self.reset, self.close_button):
            head.addWidget(part)
        layout.addLayout(head)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(2)
        layout.addLayout(self._grid)
        layout.addWidget(
            caption(
                "Choose a column, or write a text with columns in it, such as {number} {unit}. The tabs below follow."
            )
        )
        self._typed = Throttle(self._tell, _TYPING_MS, self, settle=True)
        self.layout_menu.activated.connect(self._lay_out)
        self.reset.clicked.connect(self._take_back)
        self.close_button.clicked.connect(self.hide)
        self.hide()

    def show_columns(self, kind: str, found: Sequence[str], chosen: Sequence[str]) -> None:
        """What columns the file has, and the entries chosen so far."""
        pairs = dict(entry.split("=", 1) for entry in chosen)
        same = (kind, tuple(found)) == (self._kind, self._found) and tuple(chosen) == self._shown
        self.reset.setEnabled(bool(chosen))
        if same:
            return
        self._kind, self._found, self._shown = kind, tuple(found), tuple(chosen)
        self.layout_menu.clear()
        self.layout_menu.addItems(list(LAYOUTS[kind]))
        self.layout_menu.setVisible(len(LAYOUTS[kind]) > 1)
        known = pairs or guesses(self._found)
        layouts = {name: set(map(_role, parts)) for name, parts in LAYOUTS[kind].items()}
        fitting = [name for name, roles in layouts.items() if pairs and set(pairs) <= roles]
        full = [name for name, parts in LAYOUTS[kind].items() if all(p in known or p.startswith("(") for p in parts)]
        self.layout_menu.setCurrentText((fitting or full or list(layouts))[0])
        self._build(known)

    def entries(self) -> tuple[str, ...]:
        """What goes into data.columns; nothing as long as a part is missing."""
        parts = LAYOUTS[self._kind][self.layout_menu.currentText()]
        texts = {_role(part): self._menus[_role(part)].currentText().strip() for part in parts}
        if any(texts[part] in ("", _NONE) for part in parts if not part.startswith("(")):
            return ()
        return tuple(f"{role}={text}" for role, text in texts.items() if text not in ("", _NONE))

    @property
    def menus(self) -> dict[str, Combo]:
        """The menu of each part, by the part's name."""
        return self._menus

    def _lay_out(self) -> None:
        self._build(guesses(self._found))
        self._tell()

    def _build(self, pairs: dict[str, str]) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()
        self._menus = {}
        for n, part in enumerate(LAYOUTS[self._kind][self.layout_menu.currentText()]):
            role = _role(part)
            words = _WORDS.get(role, role)
            menu = Combo(f"Column for the {words}")
            menu.setEditable(True)
            menu.setInsertPolicy(Combo.InsertPolicy.NoInsert)
            menu.setSizeAdjustPolicy(Combo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            menu.setMinimumContentsLength(8)
            menu.addItems([_NONE, *self._found])
            menu.setCurrentText(pairs.get(role, _NONE))
            menu.editTextChanged.connect(lambda _: self._typed())
            label = caption(words[0].upper() + words[1:] + (", if any" if part.startswith("(") else ""))
            label.setBuddy(menu)
            across, down = n % _ACROSS, 2 * (n // _ACROSS)
            self._grid.addWidget(label, down, across)
            self._grid.addWidget(menu, down + 1, across)
            self._menus[role] = menu
        for n in range(_ACROSS):
            self._grid.setColumnStretch(n, 1)
        self._grid.setRowMinimumHeight(2, theme.GRID // 2)

    def _tell(self) -> None:
        entries = self.entries()
        if entries and entries != self._shown:
            self._shown = entries
            self.changed.emit(entries)

    def _take_back(self) -> None:
        self._shown = ()
        self._build(guesses(self._found))
        self.changed.emit(())


def guesses(found: Sequence[str]) -> dict[str, str]:
    """The column for each part that its name tells."""
    from core.data.format.shapes import common, pairs, unpaired

    names = {
        "question": common.QUESTION,
        "answer": common.ANSWER,
        "thinking": common.THINKING,
        "instruction": common.INSTRUCTION,
        "input": ("input",),
        "output": common.OUTPUT,
        "messages": common.MESSAGES,
        "system": common.SYSTEM,
        "tools": common.TOOLS,
        "prompt": common.PROMPT,
        "completion": common.COMPLETION,
        "text": ("text", "content"),
        "chosen": pairs.CHOSEN,
        "rejected": pairs.REJECTED,
        "label": unpaired.LABEL,
    }
    columns = dict.fromkeys(found)
    picked = {role: common.find_column(columns, known) for role, known in names.items()}
    return {role: column for role, column in picked.items() if column}


def _role(part: str) -> str:
    return part.strip("()")
