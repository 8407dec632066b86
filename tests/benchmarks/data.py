"""How large files and many rows are dealt with, in figures: python -m tests.benchmarks.data FOLDER [--gigabytes 10]

Writes a file of conversations into the folder, scans it, and removes it again. The figures go to results/data.md, in
the place of its first table. With --gigabytes 0.2, and as many rows less, it takes a few minutes.
"""

import argparse
import json
import os
import platform
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

from core.data.dataset import load_dataset
from core.data.format.example import Example
from core.data.preview.scan import ScanProgress, ScanResult, preview_files, scan_files
from core.data.tokenize.cache_file import read_entry, write_entry
from core.data.tokenize.encode import encode_example
from core.data.tokenize.encoding import encode_examples
from core.data.tokenize.token_store import TokenStore
from core.data.tokenize.tokenizer import load_tokenizer
from core.resources import STARTER

RESULTS = Path(__file__).parent / "results" / "data.md"
MIB = 1 << 20
OPTIONS: dict[str, Any] = {"train_on": "answers", "max_len": 2048}
Line = tuple[str, str]  # what was measured, the figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where there is room for the file")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--rows", type=int, help="rows to tokenize; by default 100,000, fewer below a gigabyte")
    parser.add_argument("--load", type=int, help="short rows to load; by default 1,000,000, fewer below a gigabyte")
    args = parser.parse_args()
    share = min(1.0, args.gigabytes)
    rows, load = args.rows or round(100_000 * share), args.load or round(1_000_000 * share)
    size = int(args.gigabytes * 1e9)
    if shutil.disk_usage(args.folder).free < size + (4 << 30):
        sys.exit(f"There is no room for {args.gigabytes:g} GB and the rest in that folder.")
    with tempfile.TemporaryDirectory(dir=args.folder) as place:
        folder = Path(place)
        lines = [*large_file(folder, size), *many_rows(folder, load), *tokens(folder, rows)]
    RESULTS.parent.mkdir(exist_ok=True)
    earlier = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
    RESULTS.write_text(report(lines, sys.argv[2:], earlier), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


def conversations(seed: int, words: tuple[int, int]) -> Iterator[str]:
    """Rows of one or two questions with answers of so many made-up words, without end."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(5000)]

    def make_text(low: int, high: int) -> str:
        return " ".join(rng.choices(vocabulary, k=rng.randint(low, high)))

    while True:
        turns = []
        for _ in range(rng.choice((1, 1, 2))):
            turns.append({"role": "user", "content": make_text(5, 30)})
            turns.append({"role": "assistant", "content": make_text(*words)})
        yield json.dumps({"messages": turns}) + "\n"


def write_rows(path: Path, rows: Iterator[str], count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(islice(rows, count))


def write_large(path: Path, size: int) -> None:
    """So many bytes: a block of rows again and again, each time with another word, so that no row repeats."""
    block = list(islice(conversations(1, (50, 300)), 5000))
    remaining, turn = size, 0
    with path.open("w", encoding="utf-8") as file:
        while remaining > 0:
            mark = f'"content": "n{turn} '
            text = "".join(row.replace('"content": "', mark, 1) for row in block)
            file.write(text)
            remaining, turn = remaining - len(text), turn + 1


def large_file(folder: Path, size: int) -> Iterator[Line]:
    path = folder / "large.jsonl"
    write_large(path, size)
    size = path.stat().st_size
    first = [timed(lambda: preview_files(path, "text"))[0] for _ in range(5)]
    yield f"First 200 rows of {size / 1e9:.1f} GB", f"{statistics.median(first) * 1000:.0f} ms"
    idle, peak, last = rss(), 0, None
    start, own = time.perf_counter(), time.process_time()
    longest, previous = 0.0, start
    for item in scan_files(path, "text"):
        if isinstance(item, ScanProgress):
            peak = max(peak, rss())
            now = time.perf_counter()
            longest, previous = max(longest, now - previous), now
        last = item
    took, own = time.perf_counter() - start, time.process_time() - own
    assert isinstance(last, ScanResult)
    rows = last.index.rows
    yield f"Scan of all {rows:,} rows", f"{took:.0f} s, {size / 1e6 / took:.0f} MB/s, {rows / took:,.0f} rows/s"
    yield "The same by processor time", f"{own:.0f} s, {size / 1e6 / own:.0f} MB/s, {rows / own:,.0f} rows/s"
    yield "Memory above idle while scanning", f"{(peak - idle) / MIB:.0f} MiB"
    yield "Longest time between two reports of progress", f"{longest:.1f} s"
    rng = random.Random(0)
    pages = [timed(lambda: last.index.read(rng.randrange(rows), 50))[0] for _ in range(300)]
    slowest = f"median {statistics.median(pages) * 1000:.1f} ms, slowest of 300 {max(pages) * 1000:.1f} ms"
    yield "A page of 50 rows, anywhere", slowest
    path.unlink()


def many_rows(folder: Path, count: int) -> Iterator[Line]:
    path = folder / "short.jsonl"
    write_rows(path, conversations(2, (5, 25)), count)
    idle, own = rss(), time.process_time()
    took, data = timed(lambda: load_dataset(path, "text"))
    size = path.stat().st_size
    yield f"load() of {count:,} short rows ({size / 1e6:.0f} MB)", f"{took:.0f} s, {count / took:,.0f} rows/s"
    own = time.process_time() - own
    yield "The same by processor time", f"{own:.0f} s, {count / own:,.0f} rows/s"
    yield "Memory of these examples", f"{(rss() - idle) / MIB:.0f} MiB"
    assert len(data.examples) <= count
    path.unlink()


def tokens(folder: Path, count: int) -> Iterator[Line]:
    path = folder / "chat.jsonl"
    write_rows(path, conversations(3, (10, 60)), count)
    rows, tokenizer = load_dataset(path, "text").examples, load_tokenizer(STARTER)

    def figure(rows: int, tokens: int, took: float) -> str:
        return f"{rows / took:,.0f} rows/s, {tokens / took:,.0f} tokens/s"

    # The best of several, in turns: other work on the machine makes the figures worse, never better.
    few: tuple[Example, ...] = rows[: max(1, count // 10)]
    singles, many = [], []
    for _ in range(3):
        took, single_rows = timed(lambda: [encode_example(e, tokenizer, **OPTIONS) for e in few])
        singles.append(took)
        took, encoded_rows = timed(lambda: encode_examples(rows, tokenizer, **OPTIONS))
        many.append(took)
    total = sum(len(text.tokens) for (text,) in encoded_rows)
    yield (
        f"encode(), one by one ({len(few):,} rows)",
        figure(len(few), sum(len(text.tokens) for (text,) in single_rows), min(singles)),
    )
    yield f"encode_rows() ({count:,} rows)", figure(count, total, min(many))
    store = TokenStore.from_texts(text for row in encoded_rows for text in row)
    for name, work in (
        ("Into the cache", lambda: write_entry(folder / "tokens", "key", {"rows": store}, {})),
        ("From the cache", lambda: read_entry(folder / "tokens", "key")),
    ):
        took, _ = timed(work)
        yield f"{name} ({count:,} rows)", figure(count, total, took)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def rss() -> int:
    return int(psutil.Process().memory_info().rss)


def report(lines: list[Line], arguments: list[str], earlier: str) -> str:
    """The page, with what stands behind the first table of the earlier one."""
    _, _, notes = earlier.partition("| Peak memory of the whole benchmark |")
    kept = notes.partition("\n")[2]
    return "# Data: figures\n\n" + section(lines, " ".join(["data FOLDER", *arguments])) + kept


def section(lines: list[Line], command: str) -> str:
    """What was run where, and a table of what came of it."""
    packages = ", ".join(f"{p} {metadata.version(p)}" for p in ("tokenizers", "transformers", "numpy"))
    memory = f"{psutil.virtual_memory().total / (1 << 30):.0f} GiB of memory"
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processor cores, {memory}"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return "\n".join(
        [
            f"Made by `python -m tests.benchmarks.{command}` on {time.strftime('%Y-%m-%d')}: {system}; "
            f"Python {platform.python_version()}, {packages}. The tokenizer is the starter model's. Other work may "
            "have run on the machine.",
            "",
            "| What | Figure |",
            "|---|---|",
            *(f"| {title} | {figure} |" for title, figure in lines),
            f"| Peak memory of the whole benchmark | {peak / MIB:,.0f} MiB |",
            "",
        ]
    )


if __name__ == "__main__":
    main()
