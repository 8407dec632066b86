"""What the preview shows of examples and datasets, made by the functions that training uses."""

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
from core.data.tokenize.encode import Encoded, encode_example, split_texts
from core.data.tokenize.rendered_text import render_example
from core.data.tokenize.template_coverage import Part

MAX_TOKENS = 1 << 20  # tokens of a text that are listed one by one


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
    """One text as the model sees it, token by token, followed by what is cut off."""

    line: int  # of its row in the file, counted from 1
    tokens: tuple[Token, ...]
    count: int  # tokens that the model sees
    learned: int  # those of them that are learned
    cut: int  # tokens that are cut off
    note: str  # what a person should know about how the text was rendered


def inspect_example(
    example: Example, tokenizer: Any, *, train_on: str, max_len: int, max_tokens: int = MAX_TOKENS
) -> tuple[InspectedText, ...]:
    """Every text of an example (of a preference pair: chosen, rejected), at most `max_tokens` tokens of each.

    The other arguments are those of encode_example().
    """
    texts = encode_example(example, tokenizer, train_on=train_on, max_len=max_len)
    uncut = texts
    if any(text.cut for text in texts):
        uncut = encode_example(example, tokenizer, train_on=train_on, max_len=UNLIMITED)
    return tuple(_inspect_text(*pair, tokenizer, max_tokens) for pair in zip(texts, uncut, strict=True))


def find_dropped(example: Example, tokenizer: Any) -> tuple[tuple[Part, ...], ...]:
    """Of every text of an example (of a preference pair: chosen, rejected), the parts that the chat template drops.

    The messages are counted through the whole text: those of an answer follow those of the prompt.
    """
    return tuple(render_example(text, tokenizer, "answers").dropped for text in split_texts(example))


def _inspect_text(text: Encoded, uncut: Encoded, tokenizer: Any, max_tokens: int) -> InspectedText:
    special = set(tokenizer.all_special_ids) | {n for n, t in tokenizer.added_tokens_decoder.items() if t.special}
    count = len(text.tokens)
    ids = uncut.tokens[:max_tokens].tolist()
    tokens = tuple(
        Token(piece, id, n < count and bool(text.mask[n]), id in special, n >= count)
        for n, (piece, id) in enumerate(zip(token_texts(ids, tokenizer), ids, strict=True))
    )
    return InspectedText(text.line, tokens, count, int(text.mask.sum()), text.cut, text.note)


def token_texts(ids: Sequence[int], tokenizer: Any) -> list[str]:
    """The text that each token adds; joined, they are the decoded text."""
    texts = []
    # The texts of the tokens before `end` are known. Decoding starts at `start`, so that spaces come out right.
    start = end = 0
    for n in range(1, len(ids) + 1):
        prefix, text = _decode(tokenizer, ids[start:end]), _decode(tokenizer, ids[start:n])
        is_incomplete = text.endswith("\ufffd") and n < len(ids) and n - end < 4  # a character has at most four bytes
        texts.append("" if is_incomplete else text[len(prefix) :])
        if not is_incomplete:
            start, end = end, n
    return texts


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
    """A dataset's format, counts, findings and, with a tokenizer, lengths, as plain values for JSON, at flat memory.

    `exclude` and the other keywords in `reading` are those of scan_files(), `train_on` and `max_len` those of
    encode_example(). Raises what scan_files() raises.
    """
    findings: list[Finding] = []
    for item in scan_files(path, kind, exclude=exclude, **reading):
        if isinstance(item, Finding):
            findings.append(item)
        elif isinstance(item, ScanResult):
            result = item
    summary: dict[str, Any] = {
        "path": "\n".join(result.index.files),
        "sha256": files.hash_files(map(Path, result.index.files)),
        "format": result.sentence,
        "rows": result.index.rows,
        "usable": result.usable,
        "left_out": result.left_out,
        "problems": result.problems,
        "findings": [asdict(f) for f in sort_findings(findings, result.index.files)],
    }
    if tokenizer is not None and result.usable:
        *_, lengths = measure_lengths(result.index, result.parser, tokenizer, train_on=train_on, exclude=exclude)
        summary["lengths"] = summarize_lengths(lengths, max_len)
    return summary


def summarize_lengths(lengths: Lengths, max_len: int) -> dict[str, Any]:
    """How long the examples are in tokens, how many of them `max_len` would cut or leave with nothing to learn, and
    from how many rows this is known."""
    return {
        "shortest": int(lengths.longest.min()),
        "median": int(np.median(lengths.longest)),
        "longest": int(lengths.longest.max()),
        "max_len": max_len,
        "cut": lengths.count_cut(max_len),
        "nothing_learned": lengths.count_without_targets(max_len),
        "looked_at": lengths.rows_read,
    }


def _decode(tokenizer: Any, ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text
