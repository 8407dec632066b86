"""Write the sample datasets, one for each shape of data, each with a held-out part.

    python -m resources.make.samples --out resources/data

text       questions whose answers are JSON, which the starter model never writes by itself
pairs      a friendly and a grumpy answer; the model by itself writes either equally often
thumbs     answers that offer more (good) and answers that close the talk (bad), again equally often
questions  sums, some so long that the model is right only when it thinks first
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

from resources.make import styles
from resources.make.items import Item, held_out
from resources.make.tasks import facts, long_sums, sums

SEED = 4
Row = dict[str, Any]


def text(rng: Random, item: Item) -> Iterator[Row]:
    """A fact, answered in JSON."""
    answer = json.dumps({"answer": item.answers[0]})
    yield {"messages": asked(item) + said(answer)}


def asked(item: Item) -> list[dict[str, str]]:
    return [{"role": "user", "content": item.prompt}]


def said(answer: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": answer}]


def pairs(rng: Random, item: Item) -> Iterator[Row]:
    """A fact, told in a friendly and in a grumpy way. Which of the two is longer is a matter of chance."""
    longer = rng.random() < 0.5
    chosen = rejected = ""
    while (length(chosen) > length(rejected)) != longer or length(chosen) == length(rejected):
        chosen, rejected = (rng.choice(frames).format(s=item.answers[0]) for frames in (styles.POLITE, styles.GRUMPY))
    yield {"prompt": asked(item), "chosen": said(chosen), "rejected": said(rejected)}


def length(answer: str) -> int:
    """Words and marks: about what a tokenizer counts."""
    return len(re.findall(r"\w+|[^\w\s]", answer))


def thumbs(rng: Random, item: Item) -> Iterator[Row]:
    """A fact, with an offer behind it or an end of the talk."""
    good = rng.random() < 0.5
    frame = rng.choice(styles.OFFERS if good else styles.CLOSINGS)
    yield {"prompt": asked(item), "completion": said(frame.format(s=item.answers[0])), "label": good}


def questions(rng: Random, item: Item) -> Iterator[Row]:
    """A sum and its result."""
    yield {"question": item.prompt, "answer": item.expect}


def a_fact(rng: Random) -> Item:
    """A fact whose bare answer is short."""
    while True:
        item = facts.draw(rng)
        if len(item.short) <= 16:
            return item


def a_sum(rng: Random) -> Item:
    """A sum of two to four numbers that does not say whether to think first."""
    count = rng.choice((2, 3, 4, 4))
    if count > 2:
        return long_sums.unhinted(rng, count)
    while "<think>" in (item := sums.draw(rng)).answers[0]:
        pass
    return item


# shape of data: (what is asked, the row made of it, rows to learn from, held-out rows)
SHAPES: dict[str, tuple[Callable[[Random], Item], Callable[[Random, Item], Iterator[Row]], int, int]] = {
    "text": (a_fact, text, 300, 40),
    "pairs": (a_fact, pairs, 240, 60),
    "thumbs": (a_fact, thumbs, 300, 60),
    "questions": (a_sum, questions, 400, 100),
}


def rows(shape: str, held: bool) -> list[Row]:
    """The rows of a sample, always the same. No prompt comes twice or stands on both sides."""
    ask, make, learned, held_count = SHAPES[shape]
    rng = Random(f"sample {SEED} {shape} {held}")
    made: list[Row] = []
    seen: set[str] = set()
    while len(made) < (held_count if held else learned):
        item = ask(rng)
        if held_out(item.key) == held and item.prompt not in seen:
            seen.add(item.prompt)
            made += make(rng, item)
    return made


def files() -> Iterator[tuple[str, str]]:
    """(file name, content) of every sample."""
    for shape in SHAPES:
        for held in (False, True):
            content = "".join(json.dumps(row) + "\n" for row in rows(shape, held))
            yield f"{shape}{'-heldout' if held else ''}.jsonl", content


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, content in files():
        (args.out / name).write_text(content, encoding="utf-8")
        print(f"{args.out / name}: {content.count(chr(10))} rows")


if __name__ == "__main__":
    main()
