"""The tab Problems: each problem with its place, and what can be done about it. The file itself never changes."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.desktop.language import tr, tr_count
from app.preview.fix_choices import SINGLE_ROWS, FixChoice, list_choices
from app.widgets.buttons import plain_button, quiet_button
from app.widgets.card import Card, card_around, hbox, vbox
from app.widgets.item_model import ItemModel, finding_columns, finding_location
from app.widgets.labels import Label, caption
from app.widgets.line_edit import LineEdit
from app.widgets.table import Table
from core.data.check.exclude import TEXT_ONLY, finding_codes
from core.data.check.exclude import row_entry as row_entry
from core.run import Run

if TYPE_CHECKING:  # brings in NumPy
    from core.data.read.reader import Finding

_WIDTHS = {0: 124, 1: 64}
_WIDE = {**_WIDTHS, 1: 170}  # with the file's name beside the line
_LOW = 300  # pixels of height below which only the table shows the message


class ProblemsTab(QWidget):
    """`changed(key, value)` when rows are left out or placeholders filled in; `map_columns` to map the columns;
    `use_as_context` to map those that nothing reads to the context."""

    changed = Signal(str, object)
    map_columns = Signal()
    use_as_context = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._run: Run | None = None
        self._findings: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._rows = 0
        self._selected: tuple[str, int | None] | None = None  # (code, line) of the finding that was selected last
        self.model = ItemModel(finding_columns(False))
        self.table = Table(self.model, tr("Problems found in the dataset"), _WIDTHS, row_height=44)
        self.table.setMinimumHeight(84)
        self.summary = Label()
        self.safe = plain_button(tr("Fix all safe ones"), "check")
        self.safe.clicked.connect(self._fix_safe)
        head = hbox(gap=12)
        head.addWidget(self.summary, 1)
        head.addWidget(self.safe)
        layout = vbox(self)
        layout.addLayout(head)
        self._frame = card_around(self.table)
        layout.addWidget(self._frame, 100)
        layout.addWidget(self._make_card())
        self._chosen_row = QWidget()
        self._choices: QHBoxLayout = hbox(self._chosen_row, gap=4)
        layout.addWidget(self._chosen_row)
        layout.addStretch(1)
        self.table.selectionModel().currentChanged.connect(self._show_actions)
        self._update()

    def show_findings(self, problems: "list[Finding]", counts: dict[str, int], rows: int) -> None:
        """Show the problems of `rows` rows; `counts` has how many there are of each kind, listed or not."""
        self._findings, self._counts = problems, Counter(counts)
        self._rows = rows
        several_files = len({f.file for f in problems}) > 1
        selected = self._selected
        self.model.show_items(problems, finding_columns(several_files))
        self.table.set_column_widths(_WIDE if several_files else _WIDTHS)
        if problems:
            self.table.selectRow(next((n for n, f in enumerate(problems) if (f.code, f.line) == selected), 0))
        self._selected = selected
        self._update()

    def show_run(self, run: Run) -> None:
        """The run's options changed."""
        self._run = run
        self._update()

    @property
    def findings(self) -> "list[Finding]":
        """The problems that are listed."""
        return self._findings

    @property
    def current(self) -> "Finding | None":
        """The problem that is selected."""
        n = self.table.currentIndex().row()
        return self._findings[n] if 0 <= n < len(self._findings) else None

    def _make_card(self) -> Card:
        """The card with the message of the selected problem, and buttons for what can be done about it."""
        self._card = Card()
        layout = vbox(self._card, 10, 8)
        self.message = Label(selectable=True)
        layout.addWidget(self.message)
        actions = hbox(gap=8)
        self.text = LineEdit(tr("Text to put in the place of the placeholder"), height=28)
        self.fill = plain_button(tr("Fill in"), "check")
        self.exclude = plain_button(tr("Exclude"))
        self.leave_out = plain_button(tr("Exclude this row"))
        self.map = plain_button(tr("Map the columns…"))
        self.use_context = plain_button(tr("Use it as context…"))
        self.can_use_context = False  # whether the rows have a place for context
        self.fill.clicked.connect(self._fill_in)
        self.text.returnPressed.connect(self._fill_in)
        self.exclude.clicked.connect(self._exclude)
        self.leave_out.clicked.connect(self._leave_out)
        self.map.clicked.connect(self.map_columns)
        self.use_context.clicked.connect(self.use_as_context)
        for part in (self.text, self.fill, self.leave_out, self.exclude, self.use_context, self.map):
            actions.addWidget(part)
        actions.addStretch()
        layout.addLayout(actions)
        return self._card

    def _update(self) -> None:
        from core.data.check.fixes import safe_exclusions

        total = sum(self._counts.values())
        rows = tr_count("{count:,} row", "{count:,} rows", self._rows)
        if not self._findings:
            self.summary.setText(tr("Nothing wrong was found in {rows}.", rows=rows) if self._rows else "")
        else:
            words = tr_count("{count:,} finding in {rows}", "{count:,} findings in {rows}", total, rows=rows)
            limit_note = (
                ""
                if total <= len(self._findings)
                else tr("; the first {count:,} are listed", count=len(self._findings))
            )
            self.summary.setText(
                tr(
                    "{findings}{listed}. Your file stays as it is; what you choose is kept in the run.",
                    findings=words,
                    listed=limit_note,
                )
            )
        excluded = self._run.data.exclude if self._run else ()
        fixable = [code for code in safe_exclusions(self._counts) if code not in excluded]
        self.safe.setToolTip(
            tr("Leaves out rows that add nothing: repeated ones, and answers that repeat the question.")
        )
        self.safe.setVisible(bool(fixable))
        self._show_actions()
        self._arrange()
        self._show_choices()

    def _show_actions(self, *_: QModelIndex) -> None:
        """Show what can be done about the problem that is selected."""
        from core.data.check.fixes import EXCLUSIONS, ROW_LEFT_OUT, placeholder_to_fill

        finding = self.current
        if finding is None:
            return
        name = placeholder_to_fill(finding)
        entries = self._run.data.exclude if self._run else ()
        excluded = finding.code in entries
        by_number = finding.row is not None and row_entry(finding.row) in entries
        self._selected = finding.code, finding.line
        fix = ROW_LEFT_OUT if by_number else finding.fix or ""
        self.message.setText(f"{finding_location(finding)}: {tr(finding.message)} {tr(fix)}".rstrip())
        for part in (self.text, self.fill):
            part.setVisible(bool(name) and not excluded and not by_number)
        single = finding.row is not None and finding.severity != "error" and not excluded and not by_number
        self.leave_out.setVisible(single)
        self.text.setPlaceholderText(tr("Instead of {{{{{name}}}}}", name=name))
        exclusion = EXCLUSIONS.get(finding.code)
        self.exclude.setVisible(exclusion is not None and not excluded)
        if exclusion is not None:
            count = self._counts[finding.code]
            only_row = count == 1 and finding.code not in ("duplicate", TEXT_ONLY)
            self.exclude.setText(
                tr("Exclude this row") if only_row else tr("Exclude all {words}", words=exclusion.words)
            )
            self.exclude.updateGeometry()
            self.leave_out.setVisible(single and not only_row)
        self.map.setVisible(finding.code in ("columns", "column", "type", "role", "unread-column"))
        self.use_context.setVisible(finding.code == "unread-column" and self.can_use_context)
        self._arrange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Where there is little room, show the buttons alone: the table then shows the whole message."""
        roomy = self.height() > _LOW
        has_buttons = any(
            not part.isHidden() for part in (self.fill, self.leave_out, self.exclude, self.use_context, self.map)
        )
        self.message.setVisible(roomy)
        self.table.show_whole_row(not roomy)
        self._frame.setVisible(bool(self._findings))
        self._card.setVisible(bool(self._findings) and (roomy or has_buttons))
        QTimer.singleShot(0, self.table, lambda: self.table.scrollTo(self.table.currentIndex()))

    def _show_choices(self) -> None:
        """A button for each entry of data.exclude and data.fill_in, which takes the entry back."""
        while self._choices.count():
            item = self._choices.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()
        choices = list_choices(self._run.data) if self._run is not None else []
        self._chosen_row.setVisible(bool(choices))
        if not choices:
            return
        self._choices.addWidget(caption(tr("Chosen:")))
        for choice in choices:
            button = quiet_button(choice.words[0].upper() + choice.words[1:], "bad")
            button.setAccessibleName(tr("Take back: {words}", words=choice.words))
            button.setToolTip(tr("Take back"))
            button.clicked.connect(self._remover(choice))
            self._choices.addWidget(button)
        self._choices.addStretch()

    def _remover(self, choice: FixChoice) -> Callable[[], None]:
        def remove() -> None:
            if self._run is not None:
                entries = self._run.data.exclude if choice.key == "data.exclude" else self._run.data.fill_in
                remaining = tuple(e for e in entries if e != choice.entry)
                self.changed.emit(choice.key, finding_codes(entries) if choice.entry == SINGLE_ROWS else remaining)

        return remove

    def _fill_in(self) -> None:
        from core.data.check.fixes import placeholder_to_fill

        finding, text = self.current, self.text.text()
        if finding is None or self._run is None or not text.strip():
            return
        name = placeholder_to_fill(finding)
        entries = tuple(e for e in self._run.data.fill_in if e.partition("=")[0] != name)
        self.text.clear()
        self.changed.emit("data.fill_in", (*entries, f"{name}={text}"))

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
            entries = self._run.data.exclude
            codes = (code for code in safe_exclusions(self._counts) if code not in entries)
            self.changed.emit("data.exclude", (*entries, *codes))
