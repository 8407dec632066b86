"""Lists in one text: commas divide, and quotes keep a comma, as in CSV."""

import pytest

from core.data.format.mapping import ColumnMap
from core.option_values import parse
from core.run import Data, list_options
from core.text.comma_list import join_list, split_list


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", ()),
        (" a , ,b=c,", ("a", "b=c")),
        ('"a, b",c', ("a, b", "c")),
        ('question="Name, full", answer=x', ("question=Name, full", "answer=x")),
        ('"question=Name, full",answer=x', ("question=Name, full", "answer=x")),
        ('name="He said ""yes, no"""', ('name=He said "yes, no"',)),
        ('size=5" disk,b', ('size=5" disk', "b")),
        ('name="open, b', ('name="open', "b")),
        ('name="a" and "b", c', ('name="a" and "b"', "c")),
    ],
)
def test_entries(text: str, entries: tuple[str, ...]) -> None:
    assert split_list(text) == entries


@pytest.mark.parametrize("entry", ["a", "a, b", 'x="a"', '"', 'x=a,"b', " a", "ünï=c,d", 'question="Name, full"'])
def test_a_list_that_is_written_reads_back(entry: str) -> None:
    for separator in (",", ", "):
        assert split_list(join_list((entry, "b", entry), separator)) == (entry, "b", entry)


def test_a_column_whose_name_has_a_comma_can_be_mapped() -> None:
    option = dict(list_options("sft"))["data.columns"]
    entries = parse(option, 'question="Name, full",answer={Size, in m} m')
    assert entries == ("question=Name, full", "answer={Size", "in m} m")
    entries = parse(option, 'question="Name, full",answer="{Size, in m} m"')
    row = {"Name, full": "Eiffel?", "Size, in m": 300}
    assert ColumnMap.parse(entries).apply(row) == {"question": "Eiffel?", "answer": "300 m"}
    assert Data(columns=entries).columns == entries
