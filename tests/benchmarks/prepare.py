"""What preparing data takes beside the tokenizer alone: python -m tests.benchmarks.prepare [--rows 20000] [--write]

Read, written by the chat template, tokenized and put into batches, by the processor time of each part; and the same
again, with the tokens from the cache. With --write the figures become a part of results/data.md.
"""

import argparse
import tempfile
import time
import unittest.mock
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.data.batch.batches import Batches
from core.data.dataset import load_dataset
from core.data.format.example import Example
from core.data.tokenize import cache
from core.data.tokenize.encode import split_texts
from core.data.tokenize.encoding import TEXTS_AT_ONCE, iterate_blocks
from core.data.tokenize.rendered_text import render_example
from core.data.tokenize.store_builder import GatheredTexts
from core.data.tokenize.tokenizer import load_tokenizer
from core.resources import STARTER
from core.run import Run
from core.training.dataset import load_rows
from tests.benchmarks.data import OPTIONS, RESULTS, Line, conversations, write_rows
from tests.benchmarks.page import put_part

TIMES = 3  # the least of them counts: other work makes a figure worse, never better


def least(work: Callable[[], Any], times: int = TIMES) -> tuple[float, Any]:
    """(seconds of processor time, what came of it)"""
    taken, result = [], None
    for _ in range(times):
        start = time.process_time()
        result = work()
        taken.append(time.process_time() - start)
    return min(taken), result


def prepare(folder: Path, count: int) -> list[Line]:
    path = folder / "rows.jsonl"
    write_rows(path, conversations(3, (10, 60)), count)
    tokenizer = load_tokenizer(STARTER)
    reading, data = least(lambda: load_dataset(path, "text"))
    rows = data.examples
    rendering, rendered = least(
        lambda: [render_example(text, tokenizer, OPTIONS["train_on"]).text for row in rows for text in split_texts(row)]
    )

    def tokenize() -> None:
        for start in range(0, len(rendered), TEXTS_AT_ONCE):
            tokenizer.backend_tokenizer.encode_batch(rendered[start : start + TEXTS_AT_ONCE], add_special_tokens=False)

    alone, _ = least(tokenize)
    encoding, texts = least(lambda: gather(rows, tokenizer))
    (encoded,) = texts.join([np.ones(count, bool)])

    def batch() -> None:
        batches = Batches(encoded, 8, 1, True, 0)
        for step in range(1, batches.steps_per_epoch + 1):
            batches.window(step)

    batching, _ = least(batch, 1)
    again = prepare_again(path, tokenizer)

    def figure(seconds: float) -> str:
        return f"{1e6 * seconds / count:,.0f} µs, {seconds / alone:.2f} ×"

    whole = reading + encoding + batching
    return [
        ("The tokenizer alone, of texts that are written already", figure(alone)),
        ("Reading and checking", figure(reading)),
        ("Writing by the chat template", figure(rendering)),
        ("Writing and tokenizing, with what is learned", figure(encoding)),
        ("Batches of 8 of an epoch", figure(batching)),
        ("Reading, writing, tokenizing, batches", figure(whole)),
        ("The same again, from the cache", figure(again + batching)),
        ("of which what load_rows() takes: the file's hash, reading", figure(again)),
    ]


def gather(rows: Sequence[Example], tokenizer: Any) -> GatheredTexts:
    """The rows' texts, tokenized as a run does it."""
    texts = GatheredTexts()
    for block in iterate_blocks(rows, tokenizer, **OPTIONS, cancelled=lambda: False):
        texts.add(block)
    return texts


def prepare_again(path: Path, tokenizer: Any) -> float:
    """Seconds of processor time of load_rows() where the cache has the rows; as a run calls it, with its cache beside
    the data."""
    run = Run.from_dict({"data": {"path": str(path), "max_seq_len": OPTIONS["max_len"]}})
    with unittest.mock.patch.object(cache, "cache_folder", lambda: path.parent / "cache"):
        drain(load_rows(run, tokenizer))
        return least(lambda: drain(load_rows(run, tokenizer)))[0]


def drain(work: Generator[Any, None, Any]) -> Any:
    """What a generator comes to."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def build_part(lines: list[Line], count: int) -> str:
    head = (
        f"Made by `python -m tests.benchmarks.prepare --rows {count} --write`: processor time a row, the least of "
        f"{TIMES}, and how many times the tokenizer's alone; aimed at: 1.3 × in all. Conversations of 10 to 60 words "
        "an answer; the tokenizer is the starter model's."
    )
    table = "\n".join(f"| {title} | {value} |" for title, value in lines)
    return f"{head}\n\n| What | A row |\n|---|---|\n{table}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        part = build_part(prepare(Path(place), options.rows), options.rows)
    print(part)
    if options.write:
        put_part(RESULTS, "Data: figures", "Preparing beside the tokenizer alone", part)
