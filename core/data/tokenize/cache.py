"""Tokens kept on the disk between runs: examples that were encoded before in the same way are not tokenized again."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import Any

import platformdirs

from core import __version__
from core.data.format.example import Example
from core.data.tokenize import cache_file
from core.data.tokenize.encode import Encoded, split_texts
from core.data.tokenize.encoding import Progress, iterate_encoded
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.data.tokenize.token_store import EncodedRows, TokenStore

MIN_ROWS = 2000  # fewer are tokenized in no time
_FIELDS = tuple(f.name for f in fields(Example) if f.name != "file")


def cache_folder() -> Path:
    """The folder of the token cache, in the user's cache folder."""
    return Path(platformdirs.user_cache_dir("Hone", appauthor=False)) / "tokens"


def load_or_encode(
    examples: Sequence[Example],
    tokenizer: Any,
    *,
    train_on: str,
    max_len: int,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    folder: Path | None = None,
) -> EncodedRows:
    """encode_examples(), from the cache if the same examples were encoded before in the same way.

    `folder` holds the cache files; None for cache_folder(). The key is made from the examples themselves (and so from
    files, column mapping, exclusions, split), the tokenizer, its chat template, the options and the versions of what
    is involved. Fewer than MIN_ROWS examples are not cached, and nothing is where the disk does not allow it.

    Raises Cancelled.
    """
    options: dict[str, Any] = {"train_on": train_on, "max_len": max_len}
    counts = [len(split_texts(example)) for example in examples]

    def encode_texts() -> Iterator[Encoded]:
        rows = iterate_encoded(examples, tokenizer, **options, progress=progress, cancelled=cancelled)
        return (text for row in rows for text in row)

    if len(examples) < MIN_ROWS:
        return EncodedRows(list(encode_texts()), counts)
    folder = folder or cache_folder()
    key = cache_key(examples, tokenizer, options)
    store = cache_file.read_store(folder, key)
    if store is None:
        store = TokenStore.from_texts(encode_texts())
        store = cache_file.write_store(folder, key, store) or store
    elif progress:
        progress(len(examples), len(examples))
    return EncodedRows(store, counts)


def cache_key(examples: Iterable[Example], tokenizer: Any, options: dict[str, Any]) -> str:
    """A hash (hexadecimal) that is equal where tokens and masks are."""
    digest = hashlib.blake2b(digest_size=20)
    settings = [
        cache_file.FORMAT_VERSION,
        __version__,
        *(metadata.version(package) for package in ("tokenizers", "transformers")),
        tokenizer.backend_tokenizer.to_str(),
        tokenizer.special_tokens_map,
        tokenizer.chat_template,
        find_end_of_turn(tokenizer).token,  # which a config.json beside it may name
        options,
    ]
    for part in (settings, *([getattr(e, name) for name in _FIELDS] for e in examples)):
        text = json.dumps(part, ensure_ascii=False, sort_keys=part is settings, default=str)
        digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
