"""What the previewer shows, made by the very function the trainer uses."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.data.format.example import Example
from core.data.preview.lengths import UNLIMITED, Lengths, measure_lengths
from core.data.preview.scan import Paths, ScanResult, scan_files
from core.data.read import files
from core.data.read.reader import Finding, sort_findings
from core.data.tokenize.encode import Encoded, encode_example

MAX_TOKENS = 1 << 20  # tokens of a row that are told one by one


@dataclass(frozen=True)
class Token:
    """One token as a person reads it. A character made of several tokens stands with the last of them."""

    text: str
    id: int
    learned: bool
    special: bool
    cut: bool  # behind the maximum length: the model never sees it


@dataclass(frozen=True)
class InspectedText:
    """A row as the model sees it. `count` and `learned` leave out what is cut."""

    line: int
    tokens: tuple[Token, ...]
    count: int
    learned: int
    cut: int
    note: str


def seen(example: Example, tokenizer: Any, *, train_on: str, max_len: int) -> InspectedText:
    """The row token by token, including what is cut off at the end. Of a pair the better answer; see seen_all()."""
    return inspect_example(example, tokenizer, train_on=train_on, max_len=max_len)[0]


def inspect_example(
    example: Example, tokenizer: Any, *, train_on: str, max_len: int, most: int = MAX_TOKENS
) -> tuple[InspectedText, ...]:
    """Every text of a row: one, or of a pair the better and the worse answer; at most `most` tokens of it."""
    kept = encode_example(example, tokenizer, train_on=train_on, max_len=max_len)
    whole = (
        encode_example(example, tokenizer, train_on=train_on, max_len=UNLIMITED) if any(r.cut for r in kept) else kept
    )
    return tuple(_seen(k, w, tokenizer, most) for k, w in zip(kept, whole, strict=True))


def _seen(kept: Encoded, whole: Encoded, tokenizer: Any, most: int) -> InspectedText:
    special = set(tokenizer.all_special_ids) | {
        n for n, added in tokenizer.added_tokens_decoder.items() if added.special
    }
    count = len(kept.tokens)
    ids = whole.tokens[:most].tolist()
    tokens = tuple(
        Token(text, id, n < count and bool(kept.mask[n]), id in special, n >= count)
        for n, (text, id) in enumerate(zip(token_texts(ids, tokenizer), ids, strict=True))
    )
    return InspectedText(kept.line, tokens, count, int(kept.mask.sum()), kept.cut, kept.note)


def token_texts(ids: Sequence[int], tokenizer: Any) -> list[str]:
    """The text that each token adds; joined, they are the whole text."""
    made = []
    first = read = 0  # tokens before `read` are told; decoding starts at `first`, so that spaces come out right
    for n in range(1, len(ids) + 1):
        before, now = _decode(tokenizer, ids[first:read]), _decode(tokenizer, ids[first:n])
        incomplete = now.endswith("\ufffd") and n < len(ids) and n - read < 4  # a character has at most four bytes
        made.append("" if incomplete else now[len(before) :])
        if not incomplete:
            first, read = read, n
    return made


def summarize_dataset(
    path: Paths,
    kind: str,
    tokenizer: Any = None,
    *,
    train_on: str = "answers",
    max_len: int = 2048,
    exclude: Collection[str] = (),
    **reading: Any,
) -> dict[str, Any]:
    """What is known of a dataset, as plain values for JSON, at flat memory; lengths in tokens with a tokenizer.

    `exclude` and what else there is in `reading` are scan()'s. Raises what scan() raises.
    """
    findings: list[Finding] = []
    for item in scan_files(path, kind, exclude=exclude, **reading):
        if isinstance(item, Finding):
            findings.append(item)
        elif isinstance(item, ScanResult):
            scanned = item
    made: dict[str, Any] = {
        "path": "\n".join(scanned.index.files),
        "sha256": files.hash_files(map(Path, scanned.index.files)),
        "format": scanned.sentence,
        "rows": scanned.index.rows,
        "usable": scanned.usable,
        "left_out": scanned.left_out,
        "problems": scanned.problems,
        "findings": [asdict(f) for f in sort_findings(findings, scanned.index.files)],
    }
    if tokenizer is not None and scanned.usable:
        *_, last = measure_lengths(scanned.index, scanned.meaning, tokenizer, train_on=train_on, exclude=exclude)
        made["lengths"] = summarize_lengths(last, max_len)
    return made


def summarize_lengths(found: Lengths, max_len: int) -> dict[str, Any]:
    """How long the rows are in tokens (of a pair, its longer text), and how many a maximum would cut or leave with
    nothing to learn; of so many rows looked at."""
    return {
        "shortest": int(found.longest.min()),
        "median": int(np.median(found.longest)),
        "longest": int(found.longest.max()),
        "max_len": max_len,
        "cut": found.cut(max_len),
        "nothing_learned": found.count_without_targets(max_len),
        "looked_at": found.looked,
    }


def _decode(tokenizer: Any, ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text
