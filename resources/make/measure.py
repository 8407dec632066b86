"""Ask the held-out questions and tell how many answers are right, kind by kind. The same everywhere and always.

    python -m resources.make.measure --model resources/starter

With --card the table in the model's README is replaced by the new one.
"""

import argparse
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.device.select import select
from core.model.load import load
from resources.make import checks
from resources.make.corpus import HELD_OUT, Row, held_out_rows
from resources.make.greedy import answers

TABLE = re.compile(r"(?<=<!-- accuracy -->\n).*?(?=<!-- /accuracy -->)", re.DOTALL)
EXAMPLES = {
    "comparing": "Is 318 less than 375?", "counting": "Count backwards from 26 to 16.", "facts": "What is the capital of Peru?",
    "identity": "Who made you?", "lists": "Name three animals.", "long sums": "What is 25 + 16 - 33?",
    "memory": "What is my name? (said two turns before)", "reading": "Tom has a red hat. Mia has a blue hat. What colour is Mia's hat?",
    "repeating": "Say this in capital letters: fly path wood", "small talk": "I feel tired today.",
    "sorting": "Sort these numbers: 68, 7, 47", "spelling": "Spell the word bridge.", "stories": "Tell me a story about a fox and a kite.",
    "styles": "What is the opposite of hot? Answer in one word.", "sums": "What is 71 plus 8?", "times": "What is 4 times 6?",
    "true or false": "Is it true that a bat is a bird?", "unknown": "Who won the race yesterday?",
    "word problems": "Mia has 12 shells and finds 5 more. How many shells are there now?",
}  # fmt: skip


def measure(model: Any, tokenizer: Any, rows: Sequence[Row]) -> list[tuple[Row, str, bool]]:
    """(row, answer, right or not) of every held-out question."""
    prompts = [
        tokenizer.apply_chat_template(r["messages"], add_generation_prompt=True, return_dict=False) for r in rows
    ]
    given = answers(model, tokenizer, prompts, progress=lambda n: print(f"\r{n} of {len(rows)}", end="", flush=True))
    print()
    return [(r, a, checks.right(r["rule"], r["expect"], a)) for r, a in zip(rows, given, strict=True)]


def by_kind(results: Iterable[tuple[Row, str, bool]]) -> dict[str, list[bool]]:
    """Right or wrong of every question, by kind."""
    kinds: dict[str, list[bool]] = {}
    for row, _, ok in results:
        kinds.setdefault(row["kind"], []).append(ok)
    return kinds


def table(kinds: Mapping[str, Sequence[bool]]) -> str:
    """The accuracies in Markdown."""
    lines = ["| kind of task | such as | held-out prompts | right |", "|---|---|---|---|"]
    lines += [f"| {k} | {EXAMPLES[k]} | {len(v)} | {100 * sum(v) / len(v):.0f} % |" for k, v in sorted(kinds.items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="the seed of the corpus")
    parser.add_argument("--count", type=int, default=HELD_OUT, help="questions of each kind")
    parser.add_argument("--wrong", type=int, default=0, help="show so many wrong answers of each kind")
    parser.add_argument("--card", type=Path, help="a README whose table is to be replaced")
    args = parser.parse_args()
    loaded = load(args.model, device=select("auto")["used"])
    results = measure(loaded.model, loaded.tokenizer, list(held_out_rows(args.seed, args.count)))
    kinds = by_kind(results)
    for kind in sorted(kinds) if args.wrong else ():
        missed = [(r["messages"][-1]["content"], a) for r, a, ok in results if r["kind"] == kind and not ok]
        for prompt, answer in missed[: args.wrong]:
            print(f"{kind}: {prompt!r} -> {answer!r}")
    print(table(kinds))
    if args.card:
        args.card.write_text(TABLE.sub(table(kinds), args.card.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
