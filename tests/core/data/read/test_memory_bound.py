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
LONG = 40_000_000  # characters of the longest row
CODE = """
import resource, sys
from pathlib import Path
from core.data.dataset import load_dataset
from core.errors import UserError

def resident(kind):  # bytes now ("VmRSS") or at most ("VmHWM"); on Linux getrusage() counts the parent's as well
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(kind))

load_dataset("demo", "text")
before = resident("VmRSS")
try:
    print(len(load_dataset(sys.argv[1], "text").examples))
except UserError as error:
    print(error)
print(resident("VmHWM") - before)
"""


def read(path: Path) -> tuple[str, int]:
    """(rows or a sentence, bytes that reading took beyond what Hone itself takes)."""
    command = [sys.executable, "-c", CODE, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT, check=True)
    answer, taken = done.stdout.splitlines()
    return answer, int(taken)


def rows() -> Iterator[dict[str, str]]:
    """A long row, written with what has to be escaped, between short ones."""
    yield from ({"text": f"short {n}"} for n in range(1000))
    yield {"text": 'long "text", ' * (LONG // 13)}
    yield from ({"text": f"short {n} too"} for n in range(1000))


def write_jsonl(path: Path) -> None:
    with path.open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows())


def write_json(path: Path) -> None:
    path.write_text(json.dumps(list(rows()), indent=1))


def write_csv(path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["text"])
        writer.writeheader()
        writer.writerows(rows())


def write_gzip(path: Path) -> None:
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.writelines(json.dumps(row) + "\n" for row in rows())


def write_parquet(path: Path) -> None:
    import duckdb

    lines = path.with_name("for-parquet.jsonl")
    write_jsonl(lines)
    with duckdb.connect(":memory:") as connection:
        query = "SELECT * FROM read_json(?, maximum_object_size = 100000000)"
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)", [str(lines)])


WRITERS: dict[str, Callable[[Path], None]] = {
    "rows.jsonl": write_jsonl,
    "rows.json": write_json,
    "rows.csv": write_csv,
    "rows.jsonl.gz": write_gzip,
    "rows.parquet": write_parquet,
}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", WRITERS)
def test_a_long_row(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    answer, taken = read(path)
    assert answer == "2001"
    assert taken < 8 * LONG  # measured: 3.3 (JSONL) to 6.8 (CSV), the example itself among them


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
