"""What narrows the list of runs: words to search for, a group of states, and a method."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.runs.run_list import GROUPS
from app.widgets.card import hbox
from app.widgets.combo_box import ComboBox
from app.widgets.line_edit import LineEdit


class RunsFilter(QWidget):
    """`changed` when another search, group or method is wanted."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.search = LineEdit(tr("Search the runs"), tr("Search names, models, tags and notes"))
        self.search.setClearButtonEnabled(True)
        self.group, self.method = ComboBox(tr("Which runs")), ComboBox(tr("Which method"))
        for key, words in GROUPS.items():
            self.group.addItem(words, key)
        self._list_methods([])
        self.search.textChanged.connect(self.changed)
        self.group.currentIndexChanged.connect(self.changed)
        self.method.currentIndexChanged.connect(self.changed)
        layout = hbox(self, gap=8)
        layout.addWidget(self.search, 1)
        layout.addWidget(self.group)
        layout.addWidget(self.method)

    @property
    def criteria(self) -> tuple[str, str, str]:
        """The search, the group and the method, as run_list.narrow() takes them."""
        return self.search.text(), self.group.currentData(), self.method.currentData()

    def show_methods(self, methods: Sequence[str]) -> None:
        """Offer these methods, by their titles; the one that is chosen stays chosen while it is among them."""
        if [self.method.itemData(n) for n in range(1, self.method.count())] != methods:
            self._list_methods(methods)

    def _list_methods(self, methods: Sequence[str]) -> None:
        chosen = self.method.currentData() if self.method.count() else ""
        self.method.blockSignals(True)
        self.method.clear()
        for key, words in (("", tr("All methods")), *((name, name) for name in methods)):
            self.method.addItem(words, key)
        self.method.setCurrentIndex(max(0, self.method.findData(chosen)))
        self.method.blockSignals(False)
