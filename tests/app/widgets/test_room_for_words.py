"""Words have the room they need: chosen tabs, headings of tables, what stands in the list of runs, check boxes."""

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.desktop import language
from app.pages.runs_model import BEGUN, METHOD, RESULT, RUN, STATUS, RunsModel
from app.pages.runs_table import RunsTable
from app.runs.history import STATUSES
from app.style import theme
from app.widgets.check_box import CheckBox
from app.widgets.item_model import ItemModel
from app.widgets.table import Table
from app.widgets.tabs import Tabs


def test_a_tab_is_as_wide_as_its_words_when_it_is_chosen(qtbot: QtBot) -> None:
    tabs = Tabs("Parts")
    qtbot.addWidget(tabs)
    for title in ("Was das Modell sieht", "Log"):
        tabs.add(title, QWidget())
    tabs.show()
    bold = QFontMetrics(theme.font(bold=True))
    for n in range(2):
        line = tabs.bar.tabRect(n).adjusted(8, 0, -8, 0)  # below the words of the chosen one
        assert line.width() >= bold.horizontalAdvance(tabs.bar.tabText(n))


def test_a_heading_is_never_cut(qtbot: QtBot) -> None:
    model = ItemModel([("Step", str), ("Question", str), ("Schlechteste", str)])
    table = Table(model, "Answers", {0: 64, 2: 72}, sortable=True)
    qtbot.addWidget(table)
    header, metrics = table.horizontalHeader(), QFontMetrics(theme.font("caption", bold=True))
    assert header.sectionSize(0) == 64  # which is enough
    assert header.sectionSize(2) > metrics.horizontalAdvance("Schlechteste") + 12


def test_no_heading_ends_in_dots(qtbot: QtBot) -> None:
    """Whatever fractions of a pixel its letters take."""
    titles = ["Zuletzt benutzt", "Schlechteste", "Best validation", "Findings", "Status", "Ill"]
    table = Table(ItemModel([(title, str) for title in titles]), "Headings", dict.fromkeys(range(len(titles)), 10))
    qtbot.addWidget(table)
    metrics = QFontMetrics(theme.font("caption", bold=True))
    for n, title in enumerate(titles):
        box = table.horizontalHeader().sectionSize(n) - 12 - 4
        assert metrics.elidedText(title, Qt.TextElideMode.ElideRight, box) == title


def test_a_long_word_in_a_row_of_two_lines_ends_in_dots(qtbot: QtBot) -> None:
    """Qt breaks between words alone, and cuts one that is longer than the cell."""
    model = ItemModel([("Method", str), ("More", str)])
    table = Table(model, "Runs", {0: 70, 1: 200}, row_height=46)
    qtbot.addWidget(table)
    table.resize(300, 120)
    model.show_items(["Destillationsverfahren"])
    table.show()
    image = table.grab(QRect(0, 30, 70, 46)).toImage()
    ground = image.pixel(66, 2)
    right = max(x for x in range(70) for y in range(46) if image.pixel(x, y) != ground)
    assert right < 70 - 6  # all of the last letters lie before the padding


def test_columns_of_runs_have_room_in_a_small_window(qtbot: QtBot) -> None:
    table = RunsTable(RunsModel())
    qtbot.addWidget(table)
    table.resize(650, 300)  # in a window of 900 pixels
    table.show()
    metrics = QFontMetrics(theme.font())
    longest = {METHOD: "Distillation", RESULT: "91% told apart", BEGUN: "29 Nov, 07:23"}
    for column, text in longest.items():
        beside = 50 if column == RESULT else 0  # the tiny curve
        assert table.columnWidth(column) - 18 - beside >= metrics.horizontalAdvance(text), text
    assert table.columnWidth(RUN) >= 120  # the name is what a person looks for


@pytest.mark.parametrize("code", ["en", "de"])
def test_the_status_of_a_run_is_not_cut_in_a_small_window(qtbot: QtBot, code: str) -> None:
    language.use(code)
    try:
        said = [language.tr(words) for words in (*STATUSES.values(), "Preparing", "Waits for you", "Waits, next")]
        said += [language.tr("Waits, place {place}", place=10), language.tr("Training, {share:.0%}", share=0.42)]
    finally:
        language.use("en")
    table = RunsTable(RunsModel())
    qtbot.addWidget(table)
    table.resize(650, 300)  # in a window of 900 pixels
    table.show()
    width = table.columnWidth(STATUS) - 18 - 22  # between the paddings, beside the icon
    height = table.verticalHeader().defaultSectionSize()
    metrics = QFontMetrics(theme.font())
    for text in said:
        needed = metrics.boundingRect(QRect(0, 0, width, 1000), int(Qt.TextFlag.TextWordWrap), text)
        assert needed.width() <= width and needed.height() <= height, text


def test_words_of_a_check_box_begin_at_its_indent(qtbot: QtBot) -> None:
    box = CheckBox("Numeric answer")
    qtbot.addWidget(box)
    box.resize(box.sizeHint())
    ink = box.grab().toImage()
    ground, rows = ink.pixel(ink.width() - 1, 0), range(ink.height())
    columns = [x for x in range(box.indent - 3, ink.width()) if any(ink.pixel(x, y) != ground for y in rows)]
    assert box.indent <= columns[0] <= box.indent + 3
    assert columns[-1] == pytest.approx(ink.width(), abs=10)
