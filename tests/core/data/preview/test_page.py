"""Pages of rows with their meaning, rows found and sorted, rows from all over a file."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from core.data.preview.page import read_page, sample_blocks, search_rows
from core.data.preview.scan import ScanResult, preview_files, scan_files


def scanned(path: Path, kind: str = "text", **options: Any) -> ScanResult:
    *_, last = scan_files(path, kind, **options)
    assert isinstance(last, ScanResult)
    return last


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """700 questions with answers; every hundredth has none."""
    path = tmp_path / "rows.jsonl"
    lines = [
        {"question": f"Question {n}?", "answer": "" if n % 100 == 99 else f"{'ab'[n % 2]} {n}"} for n in range(700)
    ]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def test_a_page_tells_each_row_and_its_meaning_or_why_it_has_none(rows: Path) -> None:
    result = scanned(rows)
    page = read_page(result.index, result.parser, [98, 99, 300, 5])
    assert [(s.number, s.row.line, s.problem) for s in page] == [
        (98, 99, ""),
        (99, 100, "answer is empty."),
        (300, 301, ""),
        (5, 6, ""),
    ]
    assert [len(s.examples) for s in page] == [1, 0, 1, 1]
    assert read_page(result.index, result.parser, [699, 700, 10_000])[0].file == str(rows)
    assert len(read_page(result.index, result.parser, [699, 700, 10_000])) == 1


def test_pages_are_read_under_the_columns_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("frage,antwort\nWho?,{{name}}\n")
    options: dict[str, Any] = {"columns": ["question=frage", "answer=antwort"], "fill_in": ["name=Hone"]}
    first = preview_files(path, "text", **options)
    assert first.format.sentence == "Questions and answers, 1 row: question and answer."
    (row_shown,) = read_page(first.index, first.parser, [0])
    assert row_shown.examples[0].messages is not None
    assert row_shown.examples[0].messages[-1]["content"] == "Hone"
    assert row_shown.row.value == {"frage": "Who?", "antwort": "{{name}}"}


def test_a_pair_is_two_examples_where_marks_are_needed(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n')
    result = scanned(path, "thumbs")
    assert [e.label for e in read_page(result.index, result.parser, [0])[0].examples] == [True, False]


def test_words_are_found_anywhere_in_a_row_in_any_case(rows: Path) -> None:
    result = scanned(rows)
    *_, last = search_rows(result.index, result.parser, "QUESTION 1 a")
    assert last.rows is not None
    assert (last.rows_read, last.total) == (700, 700)
    # "a" stands in "answer" too, so each row whose number holds a 1 is found
    assert last.rows.tolist() == [n for n in range(700) if "1" in str(n)]
    *_, no_rows = search_rows(result.index, result.parser, "nowhere")
    assert no_rows.rows is not None
    assert no_rows.rows.tolist() == []


def test_rows_are_sorted_by_text_and_by_number_equal_ones_in_place(rows: Path) -> None:
    result = scanned(rows)

    def order(key: Any, **options: Any) -> list[int]:
        *_, last = search_rows(result.index, result.parser, key=key, **options)
        assert last.rows is not None
        return last.rows.tolist()

    numbers = list(range(700))
    assert order(lambda s: -s.number) == numbers[::-1]
    assert order(lambda s: s.number % 3) == sorted(numbers, key=lambda n: n % 3)
    assert order(lambda s: s.number % 3, descending=True) == sorted(numbers, key=lambda n: -(n % 3))
    letters = order(lambda s: "Aa"[s.number % 2] + "é" if s.number < 690 else "B")
    assert letters == numbers
    assert order(lambda s: s.row.value["answer"][:1], words="Question 6") == sorted(
        (n for n in numbers if "6" in str(n)), key=lambda n: "" if n % 100 == 99 else "ab"[n % 2]
    )


def test_what_is_found_is_told_on_the_way_and_closing_ends_it(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.data.preview.page._ROWS_PER_REPORT", 100)
    result = scanned(rows)
    search = search_rows(result.index, result.parser, "Question")
    first = next(search)
    assert first.rows is not None
    assert (first.rows_read, len(first.rows)) == (100, 100)
    search.close()
    sorting = list(search_rows(result.index, result.parser, key=lambda s: s.number))
    assert [f.rows is None for f in sorting] == [True] * 7 + [False]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("count", [64, 200, 700, 5000])
def test_rows_from_all_over(rows: Path, tmp_path: Path, zipped: bool, count: int) -> None:
    path = rows
    if zipped:
        path = tmp_path / "rows.jsonl.gz"
        path.write_bytes(gzip.compress(rows.read_bytes()))
    index = scanned(path).index
    assert index.is_fast is not zipped
    numbers_read = [(n, row.line) for block in sample_blocks(index, count) for n, _, row in block]
    assert all(line == n + 1 for n, line in numbers_read)
    assert len({n for n, _ in numbers_read}) == len(numbers_read)
    if count >= 700:
        assert len(numbers_read) == 700
    else:
        assert count <= len(numbers_read) < count + 64
        assert count == 64 or numbers_read[-1][0] == 699
