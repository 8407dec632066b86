"""The tab Problems: what was found where, and what can be done about it. The file itself is never changed."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QModelIndex, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.widgets.buttons import plain, quiet
from app.widgets.card import Card, column, framed, row
from app.widgets.item_model import Rows, findings, where
from app.widgets.labels import Text, caption
from app.widgets.line_edit import Entry
from app.widgets.table import Table
from core.data.check.exclude import excluded_rows, finding_codes
from core.data.check.exclude import row_entry as row_entry
from core.run import Run

if TYPE_CHECKING:  # brings in NumPy
    from core.data.read.reader import Finding

_WIDTHS = {0: 104, 1: 64, 3: 230}
_WIDE = {**_WIDTHS, 1: 170}  # with the file's name beside the line
_SINGLE = "single rows"  # all of them have one button, to be taken back together
_LOW = 300  # pixels of height below which the table's own words have to do


class ProblemsTab(QWidget):
    """`changed(key, value)` when something is to be left out, or filled in; `map_columns` when that would help."""

    changed = Signal(str, object)
    map_columns = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._run: Run | None = None
        self._findings: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._rows = 0
        self._looked_at: tuple[str, int | None] | None = None  # the finding that was chosen last
        self.model = Rows(findings(False))
        self.table = Table(self.model, "Problems found in the dataset", _WIDTHS, row_height=44)
        self.table.setMinimumHeight(84)
        self.summary = Text()
        self.safe = plain("Fix all safe ones", "check")
        self.safe.clicked.connect(self._fix_safe)
        head = row(gap=12)
        head.addWidget(self.summary, 1)
        head.addWidget(self.safe)
        layout = column(self)
        layout.addLayout(head)
        self._frame = framed(self.table)
        layout.addWidget(self._frame, 100)
        layout.addWidget(self._action_card())
        self._chosen_row = QWidget()
        self._chosen: QHBoxLayout = row(self._chosen_row, gap=4)
        layout.addWidget(self._chosen_row)
        layout.addStretch(1)
        self.table.selectionModel().currentChanged.connect(self._show_actions)
        self._say()

    def show_findings(self, found: "list[Finding]", counts: dict[str, int], rows: int) -> None:
        """Show what was found in so many rows; `counts` has how often each kind was met, listed or not."""
        self._findings, self._counts = found, Counter(counts)
        self._rows = rows
        several = len({f.file for f in found}) > 1
        looked_at = self._looked_at
        self.model.show_items(found, findings(several))
        self.table.arrange(_WIDE if several else _WIDTHS)
        if found:
            self.table.selectRow(next((n for n, f in enumerate(found) if (f.code, f.line) == looked_at), 0))
        self._looked_at = looked_at
        self._say()

    def show_run(self, run: Run) -> None:
        """The run's options changed."""
        self._run = run
        self._say()

    @property
    def findings(self) -> "list[Finding]":
        return self._findings

    @property
    def current(self) -> "Finding | None":
        at = self.table.currentIndex().row()
        return self._findings[at] if 0 <= at < len(self._findings) else None

    def _action_card(self) -> Card:
        self._card = Card()
        layout = column(self._card, 10, 8)
        self.message = Text(selectable=True)
        layout.addWidget(self.message)
        self._actions = row(gap=8)
        self.text = Entry("Text to put in the place of the placeholder", height=28)
        self.fill = plain("Fill in", "check")
        self.exclude = plain("Exclude")
        self.leave_out = plain("Exclude this row")
        self.map = plain("Map the columns…")
        self.fill.clicked.connect(self._fill_in)
        self.text.returnPressed.connect(self._fill_in)
        self.exclude.clicked.connect(self._exclude)
        self.leave_out.clicked.connect(self._leave_out)
        self.map.clicked.connect(self.map_columns)
        for part in (self.text, self.fill, self.leave_out, self.exclude, self.map):
            self._actions.addWidget(part)
        self._actions.addStretch()
        layout.addLayout(self._actions)
        return self._card

    def _say(self) -> None:
        from core.data.check.fixes import safe_exclusions

        total = sum(self._counts.values())
        rows = f"{self._rows:,} row{'' if self._rows == 1 else 's'}"
        if not self._findings:
            self.summary.setText(f"Nothing wrong was found in {rows}." if self._rows else "")
        else:
            words = f"{total:,} finding{'' if total == 1 else 's'} in {rows}"
            listed = "" if total <= len(self._findings) else f"; the first {len(self._findings):,} are listed"
            self.summary.setText(f"{words}{listed}. Your file stays as it is; what you choose is kept in the run.")
        excluded = self._run.data.exclude if self._run else ()
        open_ = [code for code in safe_exclusions(self._counts) if code not in excluded]
        self.safe.setToolTip("Leaves out rows that add nothing: repeated ones, and answers that repeat the question.")
        self.safe.setVisible(bool(open_))
        self._show_actions()
        self._fit()
        self._show_chosen()

    def _show_actions(self, *_: QModelIndex) -> None:
        """What can be done about the finding that is selected."""
        from core.data.check.fixes import EXCLUSIONS, ROW_LEFT_OUT, placeholder_to_fill

        finding = self.current
        if finding is None:
            return
        name = placeholder_to_fill(finding)
        chosen = self._run.data.exclude if self._run else ()
        excluded = finding.code in chosen
        by_number = finding.row is not None and row_entry(finding.row) in chosen
        self._looked_at = finding.code, finding.line
        fix = ROW_LEFT_OUT if by_number else finding.fix or ""
        self.message.setText(f"{where(finding)}: {finding.message} {fix}".rstrip())
        for part in (self.text, self.fill):
            part.setVisible(bool(name) and not excluded and not by_number)
        single = finding.row is not None and finding.severity != "error" and not excluded and not by_number
        self.leave_out.setVisible(single)
        self.text.setPlaceholderText(f"Instead of {{{{{name}}}}}")
        exclusion = EXCLUSIONS.get(finding.code)
        self.exclude.setVisible(exclusion is not None and not excluded)
        if exclusion is not None:
            count = self._counts[finding.code]
            one = count == 1 and finding.code != "duplicate"
            self.exclude.setText("Exclude this row" if one else f"Exclude all {exclusion.words}")
            self.exclude.updateGeometry()
            self.leave_out.setVisible(single and not one)
        self.map.setVisible(finding.code in ("columns", "column", "type"))
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Where there is little room, only the buttons are shown: the table has the message too."""
        roomy = self.height() > _LOW
        some = any(not part.isHidden() for part in (self.fill, self.leave_out, self.exclude, self.map))
        self.message.setVisible(roomy)
        self._frame.setVisible(bool(self._findings))
        self._card.setVisible(bool(self._findings) and (roomy or some))
        QTimer.singleShot(0, self.table, lambda: self.table.scrollTo(self.table.currentIndex()))

    def _show_chosen(self) -> None:
        """What was chosen, each with a way back."""
        from core.data.check.fixes import EXCLUSIONS

        while self._chosen.count():
            item = self._chosen.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()
        entries: list[tuple[str, str, str]] = []
        if self._run is not None:
            data = self._run.data
            named = (
                (code, EXCLUSIONS[code].words if code in EXCLUSIONS else code) for code in finding_codes(data.exclude)
            )
            entries += [("data.exclude", code, f"without {words}") for code, words in named]
            single = sorted(excluded_rows(data.exclude))
            if single:
                words = f"row {single[0]:,}" if len(single) == 1 else f"{len(single):,} single rows"
                entries.append(("data.exclude", _SINGLE, f"without {words}"))
            entries += [("data.fill_in", entry, entry.replace("=", " = ", 1)) for entry in data.fill_in]
        self._chosen_row.setVisible(bool(entries))
        if not entries:
            return
        self._chosen.addWidget(caption("Chosen:"))
        for key, entry, words in entries:
            button = quiet(words[0].upper() + words[1:], "bad")
            button.setAccessibleName(f"Take back: {words}")
            button.setToolTip("Take back")
            button.clicked.connect(self._taker(key, entry))
            self._chosen.addWidget(button)
        self._chosen.addStretch()

    def _taker(self, key: str, entry: str) -> Any:
        def take() -> None:
            if self._run is not None:
                old = self._run.data.exclude if key == "data.exclude" else self._run.data.fill_in
                kept = finding_codes(old) if entry == _SINGLE else tuple(e for e in old if e != entry)
                self.changed.emit(key, kept)

        return take

    def _fill_in(self) -> None:
        from core.data.check.fixes import placeholder_to_fill

        finding, text = self.current, self.text.text()
        if finding is None or self._run is None or not text.strip():
            return
        name = placeholder_to_fill(finding)
        kept = tuple(e for e in self._run.data.fill_in if e.partition("=")[0] != name)
        self.text.clear()
        self.changed.emit("data.fill_in", (*kept, f"{name}={text}"))

    def _exclude(self) -> None:
        finding = self.current
        if finding is not None and self._run is not None:
            self.changed.emit("data.exclude", (*self._run.data.exclude, finding.code))

    def _leave_out(self) -> None:
        finding = self.current
        if finding is not None and finding.row is not None and self._run is not None:
            self.changed.emit("data.exclude", (*self._run.data.exclude, row_entry(finding.row)))

    def _fix_safe(self) -> None:
        from core.data.check.fixes import safe_exclusions

        if self._run is not None:
            old = self._run.data.exclude
            self.changed.emit(
                "data.exclude", (*old, *(code for code in safe_exclusions(self._counts) if code not in old))
            )
