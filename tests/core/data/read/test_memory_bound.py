"""Memory while a file is loaded follows its longest row, whatever the format; what never ends is refused."""

import csv
import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
CODE = """
import sys
from pathlib import Path
import duckdb  # which reads Parquet: the library itself is not what a row takes
from core.data.dataset import load_dataset
from core.errors import UserError
from tests.process_memory import peak_bytes, resident_bytes

load_dataset("demo", "text")
before = resident_bytes()
try:
    print(len(load_dataset(sys.argv[1], "text").examples))
except UserError as error:
    print(error)
print(peak_bytes() - before)
"""


def read(path: Path) -> tuple[str, int]:
    """(rows or a sentence, bytes that reading took beyond what Hone itself takes)."""
    command = [sys.executable, "-c", CODE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, check=True)
    answer, taken = done.stdout.splitlines()
    return answer, int(taken)


def rows(size: int, line_end: str = " ") -> Iterator[dict[str, str]]:
    """A row of so many characters, written with what has to be escaped, between short ones."""
    yield from ({"text": f"short {n}"} for n in range(1000))
    yield {"text": f'long "text",{line_end}' * (size // 13)}
    yield from ({"text": f"short {n} too"} for n in range(1000))


def write_jsonl(path: Path, size: int) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(size))


def write_json(path: Path, size: int) -> None:
    path.write_text(json.dumps(list(rows(size)), indent=1))


def write_csv(path: Path, size: int, line_end: str = " ") -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["text"])
        writer.writeheader()
        writer.writerows(rows(size, line_end))


def write_csv_of_lines(path: Path, size: int) -> None:
    write_csv(path, size, "\n")


def write_gzip(path: Path, size: int) -> None:
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(size))


def write_parquet(path: Path, size: int) -> None:
    import duckdb

    lines = path.with_name("for-parquet.jsonl")
    write_jsonl(lines, size)
    with duckdb.connect(":memory:") as connection:
        query = "SELECT * FROM read_json(?, maximum_object_size = 100000000)"
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)", [str(lines)])


WRITERS: dict[str, Callable[[Path, int], None]] = {
    "rows.jsonl": write_jsonl,
    "rows.json": write_json,
    "rows.csv": write_csv,
    "lines.csv": write_csv_of_lines,
    "rows.jsonl.gz": write_gzip,
    "rows.parquet": write_parquet,
}


def check(path: Path, size: int) -> None:
    WRITERS[path.name](path, size)
    answer, taken = read(path)
    assert answer == "2001"
    assert taken < 8 * size  # the example itself among them


def test_a_long_row_of_a_table(tmp_path: Path) -> None:
    check(tmp_path / "rows.csv", 20_000_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", [20_000_000, 40_000_000])
@pytest.mark.parametrize("name", WRITERS)
def test_a_long_row(tmp_path: Path, name: str, size: int) -> None:
    check(tmp_path / name, size)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.jsonl.gz"])
def test_a_row_that_never_ends(tmp_path: Path, name: str) -> None:
    """200 MB that are one broken row: a finding or a sentence, within a gigabyte."""
    start = {"rows.json": '[{"text": "', "rows.csv": 'text\n"'}.get(name, '{"text": "')
    kind = gzip.open if name.endswith(".gz") else open
    with kind(tmp_path / name, "wt") as file:  # type: ignore[operator]
        file.write(start)
        for _ in range(200):
            file.write("x" * 1_000_000)
    answer, taken = read(tmp_path / name)
    assert str(tmp_path / name) in answer and len(answer) <= 300
    assert taken < 1_000_000_000
