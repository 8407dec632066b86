"""Files that would take all memory, or never end, are refused or read around; sentences stay short."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.data.dataset import load_dataset
from core.data.kinds import TEXT
from core.data.preview.scan import preview_files
from core.data.read import json_text
from core.data.read.files import find_files
from core.data.read.json_value import repair_json
from core.data.read.reader import Finding, Row, read_rows
from core.errors import BadData, BadOption
from core.text.sentence import MAX_SENTENCE, shorten

GOOD = '{"text": "a good row"}\n'

ROOT = Path(__file__).parents[4]

# Reads a file in a process of its own, and tells what came of it and how much memory that took, in bytes.
READ = """
import json, sys
import core.data.dataset
from core.data.read.reader import Finding, Row, read_rows
from pathlib import Path
from tests.process_memory import peak_bytes, resident_bytes
before = resident_bytes()
items = [(i.line, i.message) if isinstance(i, Finding) else i.line for i in read_rows(Path(sys.argv[1]))]
print(json.dumps([items, peak_bytes() - before]))
"""


def read_apart(path: Path) -> tuple[list[object], int]:
    """(lines of rows, and (line, message) of findings; bytes of memory) of a file."""
    done = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True, cwd=ROOT)
    items, memory = json.loads(done.stdout)
    return items, memory


@pytest.mark.parametrize(
    ("start", "piece", "form"),
    [
        ('{"text": "', "a" * 4096, "jsonl"),
        ('{"text": "', '\\"' * 2048, "jsonl"),
        ('{"text": [', "[]," * 1365, "jsonl"),
        ("[\n{\n", '"a": {},\n' * 455, "json"),
        ('[\n{"text": "', "a" * 4096, "json"),
    ],
)
def test_one_row_of_80_mb_in_a_small_gzip_is_a_finding(tmp_path: Path, start: str, piece: str, form: str) -> None:
    path = tmp_path / f"rows.{form}.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write(start)
        for _ in range(20_000):
            file.write(piece)
        file.write("\n" + GOOD)
    items, memory = read_apart(path)
    line = 2 if start.startswith("[") else 1
    assert items[0] in ([line, f"This {word} is too long to be a row."] for word in ("line", "value"))
    assert isinstance(items[1], int)  # the row behind it is read
    assert memory < 600e6


def test_text_without_an_end_is_mended_in_a_time_that_grows_with_its_length(tmp_path: Path) -> None:
    # Each quote was once tried as a beginning: hours for a megabyte.
    assert repair_json('{"a": "' + '\\"' * 400_000) is None


def test_keys_that_are_no_text_become_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("{1: 'a', None: 'b', 'text': 'c'}\n")
    rows = [item for item in read_rows(path) if isinstance(item, Row)]
    assert [row.value for row in rows] == [{"1": "a", "null": "b", "text": "c"}]


@pytest.mark.parametrize("depth", [150, 300, 40_000])
@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_deep_values(tmp_path: Path, depth: int, ending: str) -> None:
    path = tmp_path / f"rows.{ending}"
    row = '{"text": "a", "x": ' + "[" * depth + "]" * depth + "}"
    path.write_text(f"[\n{row}\n]" if ending == "json" else row + "\n" + GOOD)
    items = list(read_rows(path))
    if depth == 150:
        assert isinstance(items[0], Row)
    else:
        assert isinstance(items[0], Finding)
        assert items[0].message == "The JSON is nested too deeply."


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for path in (tmp_path / "pipe.jsonl", Path("/dev/zero"), Path("/dev/random")):
        with pytest.raises(BadData, match="is a device or a pipe, not a file"):
            load_dataset(path, TEXT)


def test_links_in_circles(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "x").symlink_to(tmp_path / "x")
    (tmp_path / "rows.jsonl").write_text(GOOD)
    assert find_files(tmp_path, TEXT).train == (tmp_path / "rows.jsonl",)
    assert find_files(str(tmp_path / "**" / "*.jsonl"), TEXT).train == (tmp_path / "rows.jsonl",)
    with pytest.raises(BadData, match="No file matches"):
        find_files(str(tmp_path / "**" / "*.csv"), TEXT)


@pytest.mark.parametrize(
    "path", ["a\0b", "x" * 300, "x/" * 3000, "~nobody-at-all/x", "x" * 300 + "*", "**a/[", "\udcff"]
)
def test_paths_that_no_file_can_have(path: str) -> None:
    with pytest.raises((BadData, BadOption)) as error:
        load_dataset(path, TEXT)
    assert len(str(error.value)) <= MAX_SENTENCE


def test_the_format_is_detected_without_a_thousand_long_rows_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text((json.dumps({"text": "a" * (1 << 24)}) + "\n") * 8)
    assert len(preview_files(path, TEXT, 200).examples) == 5  # of 16 MB each; the limit is 64 MB


def test_sentences_are_short() -> None:
    assert shorten("a" * 300) == "a" * 300
    long = shorten("beginning " + "x" * 1000 + " end")
    assert len(long) == MAX_SENTENCE
    assert long.startswith("beginning")
    assert long.endswith(" end")
    assert shorten("a\nb\x1b[31m\ud800") == "a b\ufffd[31m\ufffd"
    assert len(str(BadData("y" * 1000))) == MAX_SENTENCE
    finding = Finding("json", "error", "f" * 290, 3, "z" * 5000)
    assert len(finding.message) == len(str(finding)) == MAX_SENTENCE


def test_ten_thousand_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({f"k{n}": n for n in range(10_000)}) + "\n")
    with pytest.raises(BadData, match=r"k6, k7 and others are not known; expected messages"):
        load_dataset(path, TEXT)
    path.write_text(json.dumps({f"k{n}": n for n in range(10_000)} | {"text": "a"}) + "\n")
    assert load_dataset(path, TEXT).sentence.endswith("Not read: k0, k1, k2, k3, k4, k5, k6, k7 and others.")


def test_a_long_value_is_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not again for each short one that lies in the same window behind it."""
    looked: list[int] = []
    original = json_text.is_too_large
    monkeypatch.setattr(json_text, "is_too_large", lambda text: looked.append(len(text)) or original(text))
    rows = [{"text": "x" * 3_000_000}, *({"text": f"row {n}"} for n in range(2000))]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows, indent=1))
    assert len(load_dataset(path, TEXT).examples) == 2001
    assert sum(size > 1_000_000 for size in looked) < 20


@pytest.mark.parametrize("opening", ["[", "{"])
def test_of_a_file_in_which_every_value_is_broken_the_rest_is_one_finding(tmp_path: Path, opening: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text((opening + "\n") * 5000)
    findings = list(read_rows(path))
    assert len(findings) == 1001 and all(isinstance(f, Finding) and f.severity == "error" for f in findings)
    sentence = "1,000 values one after the other are broken; what follows is not read."
    assert isinstance(findings[-1], Finding) and findings[-1].message == sentence


def test_broken_values_between_rows_do_not_end_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text("[\n" + ('{"text": broken},\n' * 600 + '{"text": "good"},\n') * 3 + "]\n")
    items = list(read_rows(path))
    assert [item.line for item in items if isinstance(item, Row)] == [602, 1203, 1804]
    assert sum(isinstance(item, Finding) and item.code == "json" for item in items) == 1800


def test_rows_behind_a_long_cell_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    long = "a, b\n" * 60_000
    path.write_text(f'name,text\n1,"{long}"\n2,"two\nlines"\n3,plain\n')
    rows = [item for item in read_rows(path) if isinstance(item, Row)]
    assert [(row.line, row.value["text"]) for row in rows] == [(2, long), (60_003, "two\nlines"), (60_005, "plain")]
