"""Large files: the first rows at once, any page through an index, a scan that finds what load() finds."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from core.data.check import seen_keys
from core.data.check.seen_keys import SeenKeys
from core.data.dataset import load_dataset
from core.data.preview import scan
from core.data.preview.scan import ScanProgress, ScanResult, preview_files
from core.data.read import index, source
from core.data.read.reader import Finding, Row, read_rows
from core.errors import BadData

ROWS = [{"text": f"row {n} ☃ é " + "x" * (n % 7)} for n in range(40)]
LINES = "\n".join(("\n" if n % 5 == 4 else "") + json.dumps(r, ensure_ascii=False) for n, r in enumerate(ROWS))
FILES = {
    "lines.jsonl": LINES.encode(),
    "marked.jsonl": b"\xef\xbb\xbf" + LINES.encode(),
    "broken.jsonl": LINES.replace('{"text": "row 7', '{"text: "row 7').encode(),
    "crlf.jsonl": LINES.replace("\n", "\r\n").encode(),
    "wide.jsonl": LINES.encode("utf-16"),
    "packed.jsonl.gz": gzip.compress(LINES.encode()),
    "pretty.json": json.dumps(ROWS, indent=2, ensure_ascii=False).encode(),
    "one-line.json": json.dumps(ROWS, ensure_ascii=False).encode(),
    "old.json": json.dumps(ROWS, indent=1, ensure_ascii=False).replace("☃", "").encode("cp1252"),
    "around.json": ('{"data": ' + json.dumps(ROWS) + "}\n" + '{"data": ' + json.dumps(ROWS) + "}").encode(),
    "lists.json": json.dumps([[{"role": "user", "content": "q"}]] * 9, indent=1).encode(),
    "table.csv": ("text,b\n\n" + "".join(f'"{r["text"]}\nmore ""{n}""",{n}\n' for n, r in enumerate(ROWS))).encode(),
    "wide.csv": ("text,b\n" + "".join(f"{r['text']},{n}\n" for n, r in enumerate(ROWS))).encode("utf-16"),
    "lines.txt": "\n".join(r["text"] for r in ROWS).encode(),
    "paragraphs.txt": "\n\n".join(r["text"] + "\nmore" for r in ROWS).encode(),
}
FROM_TOP = ("wide.jsonl", "wide.csv", "old.json", "around.json")


def write(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(FILES[name])
    return path


def scanned(
    path: Path | list[Path], **options: tuple[str, ...]
) -> tuple[ScanResult, list[Finding], list[ScanProgress]]:
    items = list(scan.scan_files(path, "text", **options))
    last = items[-1]
    assert isinstance(last, ScanResult)
    return last, [i for i in items if isinstance(i, Finding)], [i for i in items if isinstance(i, ScanProgress)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks and reports so often that a small file has many."""
    monkeypatch.setattr(index, "ROWS_PER_MARK", 3)
    monkeypatch.setattr(scan, "_ROWS", 10)
    monkeypatch.setattr(scan, "DETECTION_ROWS", 5)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", FILES)
def test_every_page_is_what_stands_there(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name)
    all_rows = [item for item in read_rows(path) if isinstance(item, Row)]
    index = scanned(path)[0].index
    assert index.rows == len(all_rows)
    assert len(index.marks) <= (2 if name in FROM_TOP else 99)
    assert name in FROM_TOP or len(index.marks) >= len(all_rows) // 3
    for start in range(len(all_rows) + 2):
        assert index.read(start, 4) == all_rows[start : start + 4]
    assert index.read(0, 999) == all_rows


@pytest.mark.usefixtures("small")
def test_a_parquet_files_pages_skip_what_is_before_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    duckdb.connect().execute(f"COPY (FROM read_json('{source}')) TO '{path}' (FORMAT parquet)")
    index = scanned(path)[0].index
    assert len(index.marks) > 9
    for start in range(len(ROWS)):
        assert [(r.line, r.value) for r in index.read(start, 3)] == [
            (start + n + 1, row) for n, row in enumerate(ROWS[start : start + 3])
        ]


@pytest.mark.usefixtures("small")
def test_pages_go_on_in_the_next_file(tmp_path: Path) -> None:
    paths = [write(tmp_path, name) for name in ("lines.jsonl", "table.csv", "wide.jsonl")]
    all_rows = [item for path in paths for item in read_rows(path) if isinstance(item, Row)]
    index = scanned(paths)[0].index
    for start in range(0, len(all_rows), 7):
        assert index.read(start, 50) == all_rows[start : start + 50]


@pytest.mark.parametrize("name", ["lines.jsonl", "broken.jsonl", "pretty.json", "table.csv", "packed.jsonl.gz"])
def test_a_scan_finds_what_loading_finds(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name)
    data = load_dataset(path, "text")
    last, findings, _ = scanned(path)
    assert (last.sentence, last.usable) == (data.sentence, len(data.examples))
    assert sorted(findings, key=str) == sorted(data.findings, key=str)
    assert sum(last.problems.values()) == len(data.findings)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("name", ["lines.jsonl", "packed.jsonl.gz", "wide.jsonl", "pretty.json"])
def test_progress_goes_from_nothing_to_all(tmp_path: Path, name: str) -> None:
    reports = scanned(write(tmp_path, name))[2]
    assert [p.index.rows for p in reports] == [0, 10, 20, 30, 40, 40]
    fractions = [p.fraction for p in reports]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)


@pytest.mark.usefixtures("small")
def test_pages_can_be_read_before_the_scan_ends_and_closing_ends_it(tmp_path: Path) -> None:
    path = write(tmp_path, "lines.jsonl")
    items = scan.scan_files(path, "text")
    report = next(i for i in items if isinstance(i, ScanProgress) and i.index.rows >= 20)
    assert [r.value for r in report.index.read(18, 9)] == ROWS[18 : report.index.rows]
    items.close()
    assert next(items, None) is None


def test_findings_are_counted_and_the_first_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "MAX_LISTED", 2)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": ""}\n' * 5 + '{"text": "{{name}}"}\n' + "[\n" * 3)
    last, findings, _ = scanned(path)
    assert last.problems == {"empty": 5, "placeholder": 1, "json": 3}
    assert [f.code for f in findings] == ["empty", "empty", "placeholder", "json", "json"]
    last, findings, _ = scanned(path, exclude=("placeholder",))
    assert (last.usable, last.index.rows) == (0, 6)


def test_the_first_rows_come_without_reading_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": str(n)}) + "\n" for n in range(5000)))
    lines_read = []
    plain = source.Source.lines

    def count_calls(self: source.Source) -> Iterator[tuple[int, str] | source.Problem]:
        for item in plain(self):
            lines_read.append(item)
            yield item

    monkeypatch.setattr(source.Source, "lines", count_calls)
    preview = preview_files(path, "text", 20)
    assert [e.text for e in preview.examples] == [str(n) for n in range(20)]
    assert (preview.format.name, len(lines_read)) == ("Plain text", 20)
    with pytest.raises(BadData, match="There is no file"):
        preview_files(tmp_path / "none.jsonl", "text")


def test_a_line_without_end_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LONGEST_LINE", 64)
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "a"}\n' + '{"text": "' + "b" * 500 + '"}\n{"text": "c"}\n')
    data = load_dataset(path, "text")
    assert [(e.line, e.text) for e in data.examples] == [(1, "a"), (3, "c")]
    assert ("long-line", 2) in [(f.code, f.line) for f in data.findings]


def test_keys_are_known_again_and_only_so_many_remembered() -> None:
    keys = [f"{n * 0x9E3779B97F4A7C15 % (1 << 64):016x}" for n in range(20_000)]
    several = SeenKeys()
    assert not any(several.add(key) for key in keys)
    assert all(several.add(key) for key in keys)
    few = SeenKeys(max_keys=100)
    assert not any(few.add(key) for key in keys[:200])
    assert (few.full, few.count) == (True, 100)
    assert few.add(keys[99])
    assert not few.add(keys[100])


def test_a_bound_on_repeated_rows_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_keys.SeenKeys.__init__, "__defaults__", (2,))
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in "abcac"))
    messages = [(f.code, f.line, f.message) for f in load_dataset(path, "text").findings]
    assert messages == [
        ("many-rows", None, "Repeated rows were looked for among the first 2 only."),
        ("duplicate", 4, "1 row says the same as an earlier row; this is the first."),
    ]


@pytest.mark.parametrize("names", [("rows.json",), ("train.jsonl", "test.jsonl"), ("train.jsonl",)])
def test_rows_that_the_data_set_aside_are_counted(tmp_path: Path, names: tuple[str, ...]) -> None:
    train, test = ROWS[:30], [*ROWS[30:], {"text": ""}]  # the last one cannot be used
    if names == ("rows.json",):
        (tmp_path / names[0]).write_text(json.dumps({"train": train, "test": test}))
    else:
        for name, rows in zip(names, (train, test), strict=False):
            (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / names[0] if len(names) == 1 else tmp_path
    expected = 0 if names == ("train.jsonl",) else 10
    (result,) = [item for item in scan.scan_files(path, "text") if isinstance(item, ScanResult)]
    assert (result.usable, result.set_aside) == (30, expected)
    named = scan.scan_files(path, "text", held_out=path)
    assert [item.set_aside for item in named if isinstance(item, ScanResult)] == [0]
