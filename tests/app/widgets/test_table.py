"""A table whose current row shows all of its words where nothing else does."""

from pytestqt.qtbot import QtBot

from app.widgets.item_model import ItemModel
from app.widgets.table import Table

LONG = "A finding of many words, each of which somebody wants to read in a low window too. " * 4


def test_the_current_row_is_as_high_as_its_words(qtbot: QtBot) -> None:
    columns = [("Line", lambda item: item[0]), ("Message", lambda item: item[1])]
    table = Table(ItemModel(columns, [("1", LONG), ("2", "Short."), ("3", LONG)]), "Findings", {0: 64}, row_height=44)
    qtbot.addWidget(table)
    table.resize(500, 400)
    table.show()
    table.selectRow(0)
    assert [table.rowHeight(row) for row in range(3)] == [44, 44, 44]
    table.show_whole_row(True)
    high = table.rowHeight(0)
    assert high >= 4 * table.fontMetrics().lineSpacing()
    table.selectRow(1)
    assert [table.rowHeight(row) for row in range(3)] == [44, 44, 44]
    table.selectRow(2)
    assert [table.rowHeight(row) for row in range(3)] == [44, 44, high]
    table.resize(300, 150)  # no higher than there is room
    assert table.rowHeight(2) <= table.viewport().height()
    table.show_whole_row(False)
    assert table.rowHeight(2) == 44
