"""Tokens kept on the disk between runs: what is asked for again in the same way is not tokenized again."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import platformdirs

from core import __version__
from core.data.format.example import Example
from core.data.tokenize import cache_file
from core.data.tokenize.encode import Encoded, split_texts
from core.data.tokenize.encoding import Progress, each_row, each_rows_texts
from core.data.tokenize.token_store import TokenStore

MIN_ROWS = 2000  # rows; fewer are tokenized in no time
_FIELDS = tuple(f.name for f in fields(Example) if f.name != "file")


def cache_folder() -> Path:
    return Path(platformdirs.user_cache_dir("Hone", appauthor=False)) / "tokens"


def load_or_encode(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    train_on: str,
    max_len: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    where: Path | None = None,
) -> Sequence[Encoded]:
    """encode() for each example, from the cache in the folder `where` if they are in it. Raises Cancelled.

    The key is made from the examples themselves (and so from files, mapping, exclusions, split), the tokenizer,
    its chat template, the options and the versions of what is involved. Where the disk does not allow it,
    nothing is kept.
    """
    options: dict[str, Any] = {"train_on": train_on, "max_len": max_len}

    def make() -> Iterator[Encoded]:
        return each_row(examples, tokenizer, **options, progress=progress, cancelled=cancelled)

    return _kept("one", examples, tokenizer, options, make, progress, where)


def load_or_encode(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    train_on: str,
    max_len: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    where: Path | None = None,
) -> list[tuple[Encoded, ...]]:
    """The same for encode_all(): one text of each row, of a pair two."""
    options: dict[str, Any] = {"train_on": train_on, "max_len": max_len}

    def make() -> Iterator[Encoded]:
        rows = each_rows_texts(examples, tokenizer, **options, progress=progress, cancelled=cancelled)
        return (text for row in rows for text in row)

    kept = iter(_kept("all", examples, tokenizer, options, make, progress, where))
    return [tuple(islice(kept, len(split_texts(e)))) for e in examples]


def cache_key(examples: Iterable[Example], tokenizer: Any, options: dict[str, Any]) -> str:
    """The same for what gives the same tokens and masks."""
    made = hashlib.blake2b(digest_size=20)
    settings = [
        cache_file.FORMAT_VERSION,
        __version__,
        *(metadata.version(package) for package in ("tokenizers", "transformers")),
        tokenizer.backend_tokenizer.to_str(),
        tokenizer.special_tokens_map,
        tokenizer.chat_template,
        options,
    ]
    for part in (settings, *([getattr(e, name) for name in _FIELDS] for e in examples)):
        text = json.dumps(part, ensure_ascii=False, sort_keys=part is settings, default=str)
        made.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return made.hexdigest()


def _kept(
    kind: str,
    examples: Sequence[Example],
    tokenizer: Any,
    options: dict[str, Any],
    make: Callable[[], Iterator[Encoded]],
    progress: Progress | None,
    where: Path | None,
) -> Sequence[Encoded]:
    if len(examples) < MIN_ROWS:
        return list(make())
    where = where or cache_folder()
    name = cache_key(examples, tokenizer, {**options, "texts": kind})
    rows = cache_file.read_store(where, name)
    if rows is None:
        rows = TokenStore.of(make())
        return cache_file.write_store(where, name, rows) or rows
    if progress:
        progress(len(examples), len(examples))
    return rows
