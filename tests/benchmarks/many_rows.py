"""Many rows prepared twice: python -m tests.benchmarks.many_rows FILE [--rows 1000000] [--write]

The rows of FILE, again and again, each with a number in its first text so that none repeats, go through what a run
does before its first step, twice: read, checked, written by the chat template, tokenized; then the order of an epoch,
and the batches of its first steps. Each time in a process of its own, by processor time and peak memory, beside the
tokenizer alone. With --write the figures become a part of results/data.md.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import unittest.mock
from collections.abc import Generator
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

from core.data.batch.batches import Batches
from core.data.dataset import load_dataset
from core.data.tokenize import cache
from core.data.tokenize.rendered_text import render_example
from core.data.tokenize.tokenizer import load_tokenizer
from core.resources import STARTER
from core.run import Run
from core.training.dataset import load_rows
from tests.benchmarks.data import MIB, RESULTS
from tests.benchmarks.page import put_part

SAMPLE = 20_000  # rows of which the tokenizer alone is measured
STEPS = 100  # whose batches are made
# The tokenizer by itself, in a process that knows nothing of Hone: on all cores, each with memory of its own.
ALL_CORES = """
import json, sys, time
from tokenizers import Tokenizer
tokenizer, texts = Tokenizer.from_file(sys.argv[1]), json.load(open(sys.argv[2], encoding="utf-8"))
took = []
for _ in range(3):
    begun, start = time.perf_counter(), time.process_time()
    for first in range(0, len(texts), 2000):
        tokenizer.encode_batch(texts[first : first + 2000], add_special_tokens=False)
    took.append((time.process_time() - start, time.perf_counter() - begun))
processor, seconds = map(min, zip(*took))
print(json.dumps({"processor": processor / len(texts), "seconds": seconds / len(texts)}))
"""


def write_variations(source: Path, path: Path, rows: int) -> None:
    """So many conversations, from those of a file."""
    conversations = [e.messages for e in load_dataset(source, "text").examples if e.messages]
    with path.open("w", encoding="utf-8") as file:
        for number, (first, *others) in islice(zip(count(1), cycle(conversations), strict=False), rows):
            messages = [{**first, "content": f"{first['content']} ({number})"}, *others]
            file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")


def tokenize_alone(path: Path) -> dict[str, float]:
    """Seconds of processor time and of the clock a row, the least of three, and tokens a row."""
    head = path.with_name("head.jsonl")
    with path.open(encoding="utf-8") as file:
        head.write_text("".join(islice(file, SAMPLE)), encoding="utf-8")
    tokenizer = load_tokenizer(STARTER)
    texts = [render_example(example, tokenizer, "answers").text for example in load_dataset(head, "text").examples]
    path.with_name("head.json").write_text(json.dumps(texts), encoding="utf-8")
    took, clock = [], []
    for _ in range(3):
        begun, start, tokens = time.perf_counter(), time.process_time(), 0
        for first in range(0, len(texts), 2000):
            batch = tokenizer.backend_tokenizer.encode_batch(texts[first : first + 2000], add_special_tokens=False)
            tokens += sum(map(len, batch))
        took.append(time.process_time() - start)
        clock.append(time.perf_counter() - begun)
    return {
        "processor": min(took) / len(texts),
        "seconds": min(clock) / len(texts),
        "tokens": tokens / len(texts),
    }


def prepare(path: Path) -> dict[str, float]:
    """Seconds and memory of what a run does with its data before its first step, and of the batches of a few steps."""
    run = Run.from_dict({"data": {"path": str(path)}})
    tokenizer = load_tokenizer(STARTER)
    idle, start, own = peak_memory(), time.perf_counter(), time.process_time()
    with unittest.mock.patch.object(cache, "cache_folder", lambda: path.parent / "cache"):
        dataset = drain(load_rows(run, tokenizer))
    batches = Batches(dataset.train, 8, 1, True, 0)
    for step in range(1, STEPS + 1):
        batches.window(step)
    return {
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - own,
        "memory": (peak_memory() - idle) / MIB,
        "rows": len(dataset.train) + len(dataset.held_out),
        "tokens": dataset.facts.tokens,
    }


def drain(work: Generator[Any, None, Any]) -> Any:
    """What a generator comes to."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def peak_memory() -> int:
    """Bytes that this process had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def in_process(part: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.many_rows", str(path), "--part", part]
    return measure(part, command)


def tokenize_on_all_cores(path: Path) -> dict[str, float]:
    """As tokenize_alone(), of the texts that it left behind."""
    arguments = [str(STARTER / "tokenizer.json"), str(path.with_name("head.json"))]
    variables = {**os.environ, "TOKENIZERS_PARALLELISM": "true"}
    return measure("all cores", [sys.executable, "-c", ALL_CORES, *arguments], variables)


def measure(part: str, command: list[str], variables: dict[str, str] | None = None) -> dict[str, float]:
    """What a process prints as JSON."""
    found: dict[str, float] = json.loads(
        subprocess.run(command, stdout=subprocess.PIPE, check=True, env=variables).stdout
    )
    print(part, found, file=sys.stderr, flush=True)
    return found


def build_part(
    rows: int,
    size: int,
    alone: dict[str, float],
    all_cores: dict[str, float],
    first: dict[str, float],
    second: dict[str, float],
) -> str:
    limit, clock = alone["processor"] * rows, alone["seconds"] * rows

    def line(title: str, found: dict[str, float]) -> str:
        own, memory = found["processor"], found["memory"]
        return (
            f"| {title} | {own:,.1f} s, {own / limit:.2f} × | {found['seconds']:,.1f} s, "
            f"{found['seconds'] / clock:.2f} × | {memory:,.0f} MiB, {1024 * memory / rows:.2f} KiB a row |"
        )

    return "\n".join(
        [
            f"Made by `python -m tests.benchmarks.many_rows FILE --rows {rows} --write`: {rows:,} conversations "
            f"({size / 1e6:,.0f} MB, {first['tokens'] / 1e6:,.0f} million tokens to train on), through all that a run "
            f"does with them before its first step, and the batches of {STEPS} steps. The tokenizer alone was measured "
            f"with {SAMPLE:,} of them before and behind the runs, of {alone['tokens']:.0f} tokens each. Other work may "
            "have run on the machine, which the seconds show. It is measured in a process of Hone's (where on Linux it "
            "works on one core, beside the reading), and in one without Hone, on all cores.",
            "",
            "| What | Processor time | Seconds | Peak memory above idle |",
            "|---|---|---|---|",
            f"| The tokenizer alone | {limit:,.1f} s, 1.00 × | {clock:,.1f} s, 1.00 × | |",
            f"| The same without Hone, on all cores | {all_cores['processor'] * rows:,.1f} s, "
            f"{all_cores['processor'] / alone['processor']:.2f} × | {all_cores['seconds'] * rows:,.1f} s, "
            f"{all_cores['seconds'] / alone['seconds']:.2f} × | |",
            line("First run", first),
            line("Second run", second),
        ]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where there is room for a few gigabytes")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--part", choices=("alone", "prepare"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps((tokenize_alone if options.part == "alone" else prepare)(options.file)))
        sys.exit()
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        rows_file = Path(place) / "rows.jsonl"
        write_variations(options.file, rows_file, options.rows)
        before, first, second, behind = (in_process(part, rows_file) for part in ("alone", *("prepare",) * 2, "alone"))
        alone = {name: min(value, behind[name]) for name, value in before.items()}
        all_cores = tokenize_on_all_cores(rows_file)
        text = build_part(options.rows, rows_file.stat().st_size, alone, all_cores, first, second)
    print(text)
    if options.write:
        put_part(RESULTS, "Data: figures", "Two runs on many rows", text)
