"""Long rows of a table are parsed as the csv module parses short ones."""

import csv
import gc
import random
from pathlib import Path

import psutil
import pytest

from core.data.read import table_rows
from core.data.read.reader import Finding, Row, read_rows
from core.data.read.table_rows import split_row


def with_csv(lines: list[str], delimiter: str) -> tuple[list[str] | None, int]:
    """(cells of the first row, None where it is broken; how many lines were taken)."""
    taken = iter(lines)
    try:
        cells = next(csv.reader((line + "\n" for line in taken), delimiter=delimiter, strict=True))
    except csv.Error as error:
        is_open = "end of data" in str(error)  # a quote that is not closed, which the reader of the table tells
        cells = next(csv.reader((line + "\n" for line in lines), delimiter=delimiter)) if is_open else None
    return cells, len(lines) - len(list(taken))


def with_split_row(lines: list[str], delimiter: str) -> tuple[list[str] | None, int]:
    taken = iter(lines)
    try:
        cells = split_row(taken, delimiter, has_quotes=True)
    except csv.Error:
        cells = None
    return cells, len(lines) - len(list(taken))


def test_every_row_is_parsed_as_by_the_csv_module() -> None:
    rng = random.Random(1)
    for _ in range(20_000):
        delimiter = rng.choice(",;|")
        alphabet = '""" ab' + delimiter * 2 + "\r" * (rng.random() < 0.1)
        lines = ["".join(rng.choices(alphabet, k=rng.randint(0, 9))).rstrip("\r") for _ in range(rng.randint(1, 4))]
        if lines[0]:  # an empty line is a row without cells, and never a long one
            assert with_split_row(lines, delimiter) == with_csv(lines, delimiter), (lines, delimiter)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('a,"b\n""c"", d"\ne,f\n', [("a", 'b\n"c", d'), ("e", "f")]),
        (",\n\n,x\na\n", [("", "x"), ("a", "")]),
        ('"",""""\n"ab",c"d"\n', [("", '"'), ("ab", 'c"d"')]),
    ],
)
@pytest.mark.parametrize("name", ["rows.csv", "rows.tsv"])
def test_a_file_of_long_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, rows: list[tuple[str, str]], name: str
) -> None:
    path = tmp_path / name
    if name.endswith(".tsv"):  # there a quote is a character
        text, rows = 'a\t"b\n"\t""\n', [("a", '"b'), ('"', '""')]
    path.write_text(("x,y\n" if name == "rows.csv" else "x\ty\n") + text)
    short = list(read_rows(path))
    monkeypatch.setattr(table_rows, "_LONG_ROW", 0)
    assert list(read_rows(path)) == short
    assert [tuple(row.value.values()) for row in short if isinstance(row, Row)] == rows


@pytest.mark.parametrize("longest", [0, 1 << 17])
def test_what_stands_behind_a_closing_quote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longest: int) -> None:
    monkeypatch.setattr(table_rows, "_LONG_ROW", longest)
    path = tmp_path / "rows.csv"
    path.write_text('x,y\n"a"b,c\nd,e\n')
    finding, row = read_rows(path)
    assert isinstance(finding, Finding) and isinstance(row, Row)
    assert str(finding).endswith("line 2: The table is broken here: something stands behind a closing quote.")
    assert (finding.fix, row.value) == ("Write a quote that is a character twice.", {"x": "d", "y": "e"})


def test_a_row_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_rows, "_LONG_ROW", 20)
    monkeypatch.setattr(table_rows, "_LONGEST_ROW", 40)
    path = tmp_path / "rows.csv"
    path.write_text('x,y\n1,"never closed\n' + "more of it\n" * 3 + "2,b\n")
    finding, *rows = list(read_rows(path))
    assert isinstance(finding, Finding) and finding.severity == "error" and finding.line == 5
    assert "a row is longer than 40 characters, as where a quote is not closed." in finding.message
    assert [row.value for row in rows if isinstance(row, Row)] == [{"x": "2", "y": "b"}]


def test_a_table_that_is_left_half_read_is_closed_at_once(tmp_path: Path) -> None:
    """Not when the garbage is next collected: on some systems an open file cannot be moved."""
    file = tmp_path / "table.csv"
    file.write_text("a,b\n" + "1,2\n" * 5000)
    gc.collect()
    gc.disable()
    try:
        rows = read_rows(file)
        assert [next(rows).value for _ in range(3)] == [{"a": "1", "b": "2"}] * 3
        rows.close()
        list(read_rows(file))
        open_files = [f.path for f in psutil.Process().open_files()]
    finally:
        gc.enable()
    assert str(file) not in open_files
