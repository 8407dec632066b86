"""Write the chat corpus: train.jsonl to learn from and heldout.jsonl to measure with.

    python -m resources.make.corpus --seed 0 --out DIR

Every item has a key, and the key alone says on which side it lies, so no held-out question is ever trained on.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from resources.make import styles, tasks
from resources.make.items import Item, Turn, held_out
from resources.make.phrasing import vary

ROWS = 160_000
HELD_OUT = 200  # of each kind
SYSTEM = (
    "You are a helpful assistant.", "You are Hone's starter model.", "You are a small language model.", "Answer the question.",
)  # fmt: skip
Row = dict[str, Any]


def train_rows(seed: int, count: int = ROWS) -> Iterator[Row]:
    """Rows to learn from: {"messages": [...]}."""
    rng = Random(f"train {seed}")
    kinds = tasks.load()
    names, shares = list(kinds), [kind.SHARE for kind in kinds.values()]
    for _ in range(count):
        turns: list[Turn] = []
        for name in rng.choices(names, shares, k=rng.choices((1, 2, 3), (80, 14, 6))[0]):
            item = draw(rng, name, held=False)
            before = item.before if not turns else tuple(t for t in item.before if t[0] != "system")
            if before != item.before:
                continue  # what a system message asks for needs that message
            turns += [*before, ("user", vary(rng, item.prompt)), ("assistant", answer(rng, item))]
        if turns[0][0] != "system" and rng.random() < 0.1:
            turns.insert(0, ("system", rng.choice(SYSTEM)))
        yield {"messages": [{"role": role, "content": text} for role, text in turns]}


def held_out_rows(seed: int, count: int = HELD_OUT) -> Iterator[Row]:
    """Questions to measure with: {"kind", "messages", "rule", "expect"}, no prompt twice."""
    rng = Random(f"held out {seed}")
    for name in tasks.load():
        seen: set[str] = set()
        for _ in range(count * 20):  # a kind with few prompts gives fewer
            item = draw(rng, name, held=True)
            turns = [*item.before, ("user", item.prompt)]
            if str(turns) in seen or len(seen) == count:
                continue
            seen.add(str(turns))
            messages = [{"role": role, "content": text} for role, text in turns]
            yield {"kind": name, "messages": messages, "rule": item.rule, "expect": item.expect}


def draw(rng: Random, name: str, held: bool) -> Item:
    """An item of a kind, from the asked side."""
    kind = tasks.load()[name]
    while True:
        item: Item = kind.draw(rng)
        if held_out(item.key) == held:
            return item


def answer(rng: Random, item: Item) -> str:
    """One of the item's answers, now and then in a frame that nobody asked for."""
    text = rng.choice(item.answers)
    if item.short and not item.before and text.endswith(".") and "<think>" not in text and rng.random() < 0.16:
        frame = rng.choice(styles.UNASKED[rng.choice(list(styles.UNASKED))])
        text = frame.format(s=text)
    return text


def write(rows: Iterator[Row], path: Path) -> int:
    """Rows as JSONL; how many there were."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--out", type=Path, required=True, help="a folder, made if missing")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print(f"{write(train_rows(args.seed, args.rows), args.out / 'train.jsonl')} rows to learn from")
    print(f"{write(held_out_rows(args.seed), args.out / 'heldout.jsonl')} held-out questions")


if __name__ == "__main__":
    main()
