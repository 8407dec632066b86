"""Files as rows and findings: every form, every mistake, and the sentence each brings."""

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

from core.data.read import json_text
from core.data.read.reader import Finding, Row, iterate_rows, read_rows
from core.data.read.source import Source
from core.errors import BadData, Unavailable


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def split_items(path: Path) -> tuple[list[tuple[int, Any]], list[tuple[str, int | None]]]:
    """([(line, value) of the rows], [(code, line) of the findings])"""
    rows: list[tuple[int, Any]] = []
    problems: list[tuple[str, int | None]] = []
    for item in read_rows(path):
        if isinstance(item, Row):
            rows.append((item.line, item.value))
        else:
            problems.append((item.code, item.line))
    return rows, problems


A, B = {"text": "a"}, {"text": "b"}


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("lines.jsonl", '{"text": "a"}\n{"text": "b"}\n', [(1, A), (2, B)]),
        ("no-end.jsonl", '{"text": "a"}\n{"text": "b"}', [(1, A), (2, B)]),
        ("windows.jsonl", '{"text": "a"}\r\n{"text": "b"}\r\n', [(1, A), (2, B)]),
        ("lines-called.json", '{"text": "a"}\n{"text": "b"}\n', [(1, A), (2, B)]),
        ("one-line.json", '[{"text": "a"}, {"text": "b"}]', [(1, A), (1, B)]),
        ("array.json", '[\n  {"text": "a"},\n  {"text": "b"}\n]\n', [(2, A), (3, B)]),
        ("array-called.jsonl", '[\n{"text": "a"},\n{"text": "b"}]', [(2, A), (3, B)]),
        ("printed.json", '[\n  {\n    "text": "a"\n  },\n  {\n    "text": "b"\n  }\n]', [(2, A), (5, B)]),
        ("printed-rows.jsonl", '{\n  "text": "a"\n}\n{\n  "text": "b"\n}\n', [(1, A), (4, B)]),
        ("one.json", '{"text": "a"}', [(1, A)]),
        ("table.csv", "text\na\nb\n", [(2, A), (3, B)]),
        (
            "quoted.csv",
            'text,n\n"a\nb, c",1\nd,2\n',
            [(2, {"text": "a\nb, c", "n": "1"}), (4, {"text": "d", "n": "2"})],
        ),
        ("semicolons.csv", "text;n\na;1\n", [(2, {"text": "a", "n": "1"})]),
        ("table.tsv", "text\tn\na, b\t1\n", [(2, {"text": "a, b", "n": "1"})]),
        ("lines.txt", "a\nb\n", [(1, A), (2, B)]),
        ("paragraphs.txt", "one\ntwo\n\n\nb\n", [(1, {"text": "one\ntwo"}), (5, B)]),
        ("around.json", '{"data": [{"text": "a"}, {"text": "b"}]}', [(1, A), (1, B)]),
        ("texts.json", '["a", "b"]', [(1, A), (1, B)]),
        ("chats.jsonl", '[{"role": "user"}]\n' * 2, [(n, {"messages": [{"role": "user"}]}) for n in (1, 2)]),
    ],
)
def test_every_form_gives_the_same_rows(tmp_path: Path, name: str, content: str, rows: list[Any]) -> None:
    plain, problems = split_items(write(tmp_path, name, content))
    assert plain == rows
    assert problems == []
    packed, problems = split_items(write(tmp_path, name + ".gz", gzip.compress(content.encode())))
    assert packed == plain
    assert problems == []


@pytest.mark.parametrize(
    ("content", "lines", "findings"),
    [
        ('\ufeff{"text": "a"}\n', [1], [("bom", 1)]),
        ('{"text": "a"}\n\n{"text": "b"}\n\n', [1, 3], [("blank", 2)]),
        ('{"text": "a"}\n{"text": b}\n{"text": "b"}\n', [1, 3], [("json", 2)]),
        ('{"text": "a",}\n', [1], [("trailing-comma", 1)]),
        ("{'text': 'a', 'n': None}\n", [1], [("single-quotes", 1)]),
        ('{"text": "a"}\n42\n', [1], [("not-a-row", 2)]),
        ("{'text': 'a\\d'}\n", [1], [("single-quotes", 1)]),
        ('{"text": "a", "n": ' + "1" * 5000 + "}\n", [], [("json", 1)]),
        ('{"text": "a\\ud83d"}\n{"text": "\\ud83d\\ude00"}\n', [1, 2], [("half-character", 1)]),
        ('[\n{"text": "a\\ud83d"},\n{"n": ' + "1" * 5000 + "}\n]", [2], [("half-character", 2), ("json", 3)]),
        ('[\n{"text": "a"},\n{"text": "b"},\n]', [2, 3], []),
        ('[\n  {"text": "a"},\n  {"text": },\n  {"text": "b"}\n]', [2, 4], [("json", 3)]),
        ('[\n  {\n    "text": "a"\n    "n": 1\n  },\n  {\n    "text": "b"\n  }\n]', [6], [("json", 4)]),
        ('[\n{"text": "a"},\n{"text": "b"}', [2, 3], [("array-end", 3)]),
    ],
)
def test_mistakes_are_findings_with_their_line(
    tmp_path: Path, content: str, lines: list[int], findings: list[tuple[str, int]]
) -> None:
    rows, problems = split_items(write(tmp_path, "rows.jsonl", content))
    assert [line for line, _ in rows] == lines
    assert problems == findings


def test_the_sentence_of_broken_json_tells_line_and_column(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.jsonl", '{"text": "a"}\n{"text" "b"}\n')
    (finding,) = [f for f in read_rows(path) if isinstance(f, Finding)]
    assert str(finding) == f"{path}, line 2: The JSON is broken at column 9: expecting ':' delimiter."


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    text = '{"text": "naïve ☃"}\n{"text": "b"}\n'
    path = write(tmp_path, "rows.jsonl", ("\ufeff" + text if encoding.endswith("le") else text).encode(encoding))
    rows, problems = split_items(path)
    assert [value["text"] for _, value in rows] == ["naïve ☃", "b"]
    assert problems == [("bom", 1)]


@pytest.mark.parametrize("content", ['{"text": "a"}\n{"text": "é"}\n', '[\n{"text": "a"},\n{"text": "é"}]'])
def test_a_line_that_is_not_utf8_is_read_as_windows_1252(tmp_path: Path, content: str) -> None:
    rows, problems = split_items(write(tmp_path, "rows.json", content.encode("cp1252")))
    assert [value["text"] for _, value in rows] == ["a", "é"]
    assert [code for code, _ in problems] == ["encoding"]


def test_a_row_with_too_many_cells_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", "a,b\n1,2\n1,2,3\n4\n")
    rows, problems = split_items(path)
    assert rows == [(2, {"a": "1", "b": "2"}), (4, {"a": "4", "b": ""})]
    assert problems == [("cells", 3)]


def test_values_longer_than_the_window_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"text": "é☃" * n} for n in (1, 3000, 2)]
    path = write(tmp_path, "rows.json", json.dumps(rows, ensure_ascii=False))
    original = json_text.Source.chunks
    monkeypatch.setattr(json_text.Source, "chunks", lambda self: original(self, 64))
    items, problems = split_items(path)
    assert [value for _, value in items] == rows
    assert problems == []


def test_a_string_that_never_ends_is_a_finding(tmp_path: Path) -> None:
    rows, problems = split_items(write(tmp_path, "rows.json", '[\n{"text": "a"},\n{"text": "b},\n{"text": "c"}\n]'))
    assert [line for line, _ in rows] == [2, 4]
    assert problems == [("json", 3)]


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000])
def test_endless_nesting_is_a_finding(tmp_path: Path, content: str) -> None:
    for name in ("rows.json", "rows.jsonl"):
        rows, problems = split_items(write(tmp_path, name, content))
        assert rows == []
        assert problems[0][0] == "json"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "{} is empty."),
        (b"\n \n", "{} holds only blank lines."),
        (b"<!DOCTYPE html>", "{} is a web page, not a data file: save its text as .txt."),
        (b"a\0b", "{} is not a text file."),
    ],
)
def test_a_file_without_rows_is_refused_in_one_sentence(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = write(tmp_path, "rows.jsonl", content)
    with pytest.raises(BadData) as error:
        list(read_rows(path))
    assert str(error.value) == sentence.format(path)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BadData) as error:
        read_rows(tmp_path / "none.jsonl")
    assert str(error.value) == f"There is no file {tmp_path}/none.jsonl."
    with pytest.raises(BadData, match="is a folder, not a file"):
        read_rows(tmp_path)


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "rows.jsonl", "{}")

    def refused(self: Path, mode: str = "r") -> None:  # root may read everything, so the refusal is played
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(Unavailable) as error:
        read_rows(path)
    assert str(error.value) == f"{path} cannot be read: there is no permission."


def test_a_broken_gzip_file(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.jsonl.gz", gzip.compress(b'{"text": "a"}')[:12])
    with pytest.raises(Unavailable, match="cannot be read"):
        read_rows(path)
    rows = "".join(json.dumps({"text": str(n)}) + "\n" for n in range(20_000)).encode()
    for name in ("rows.jsonl.gz", "rows.json.gz", "rows.csv.gz"):
        path = write(tmp_path, name, gzip.compress(rows)[:-2000])
        with pytest.raises(Unavailable) as error:
            list(read_rows(path))
        assert str(error.value).startswith(f"{path} cannot be read: it ends in the middle")


def test_a_zip_archive_whose_second_name_of_a_file_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("zählen.jsonl", '{"text": "a"}')
    name = "zählen.jsonl".encode()
    path.write_bytes(path.read_bytes().replace(name, b"\x95" + name[1:], 1))
    with pytest.raises(Unavailable) as error:
        read_rows(path)
    assert str(error.value) == f"{path} cannot be read: it is no ZIP archive, or a damaged one."


def write_parquet(path: Path, rows: str) -> Path:
    """A Parquet file of the rows of a DuckDB query."""
    duckdb.connect().execute(f"COPY ({rows}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)")
    return path


def test_parquet(tmp_path: Path) -> None:
    query = "SELECT [{'role': 'user', 'content': 'é'}] AS messages, n FROM range(3) t(n)"
    path = write_parquet(tmp_path / "rows.parquet", query)
    rows = [{"messages": [{"role": "user", "content": "é"}], "n": n} for n in range(3)]
    assert split_items(path) == ([(n + 1, row) for n, row in enumerate(rows)], [])
    with pytest.raises(BadData, match="is a damaged Parquet file: "):
        list(read_rows(write(tmp_path, "damaged.parquet", path.read_bytes()[:-40])))


def test_a_parquet_file_is_read_from_a_row_on(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "rows.parquet", "SELECT 'row ' || (range + 1) AS text FROM range(5000)")
    for first in (1, 2, 4999):
        row = next(item for item in iterate_rows(Source(path, (first, first))) if isinstance(item, Row))
        assert (row.line, row.value) == (first, {"text": f"row {first}"})


def test_a_flipped_byte_in_a_text_of_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    query = "SELECT 'What is ' || n || ' + ' || n || '?' AS text FROM range(3) t(n)"
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT parquet, COMPRESSION uncompressed)")
    assert b"1 + 1?" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"1 + 1?", b"1\xdf+ 1?"))
    with pytest.raises(BadData, match=r"is a damaged Parquet file: Invalid string encoding") as error:
        list(read_rows(path))
    assert "\n" not in str(error.value) and len(str(error.value)) <= 300


def test_what_a_parquet_struct_fills_up_with_null_is_not_there(tmp_path: Path) -> None:
    query = """SELECT {'town': 'Rome', 'zone': NULL::VARCHAR, 'more': {'a': NULL::INT}} AS arguments,
               NULL::VARCHAR AS none, 'nan'::DOUBLE AS score, DATE '2026-01-02' AS day, [1, NULL, 3] AS list"""
    ((_, value),), findings = split_items(write_parquet(tmp_path / "rows.parquet", query))
    assert not findings
    assert value["arguments"] == {"town": "Rome", "more": {}} and value["list"] == [1, None, 3]
    assert value["none"] is None and value["score"] is None and str(value["day"]) == "2026-01-02"


def test_a_parquet_file_whose_name_is_a_pattern(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "plain.parquet", "SELECT 1 AS n").rename(tmp_path / "rows[1] *?.parquet")
    assert split_items(path) == ([(1, {"n": 1})], [])
