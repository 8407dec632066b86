"""Prepared rows kept on the disk between runs: the same files, read in the same way, are not prepared again."""

import functools
import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import platformdirs

import core
from core import __version__
from core.data.read.files import hash_files
from core.data.tokenize import cache_file
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.packages.versions import package_version

_PACKAGES = (
    "tokenizers",
    "transformers",
    "jinja2",
    "duckdb",
    "nanoarrow",
)  # what reads, writes by a template, tokenizes


def cache_folder() -> Path:
    """The folder of the cache, in the user's cache folder."""
    return Path(platformdirs.user_cache_dir("Hone", appauthor=False)) / "tokens"


def list_contents(files: Iterable[Path]) -> list[tuple[str, str]] | None:
    """(path, SHA-256) of each file; None where one cannot be read."""
    try:
        return [(str(file), hash_files([file])) for file in files]
    except OSError:
        return None


def cache_key(contents: list[tuple[str, str]], tokenizer: Any, options: dict[str, Any]) -> str:
    """A hash (hexadecimal) that is equal where prepared rows, and what is said about them, are.

    contents   list_contents() of every file that is looked at; their names stand in what is said
    options    whatever else makes a difference, as JSON holds it
    """
    template = tokenizer.chat_template
    settings = [
        cache_file.FORMAT_VERSION,
        __version__,
        _code_hash(),
        [package_version(package) or "" for package in _PACKAGES],
        tokenizer.backend_tokenizer.to_str(),
        tokenizer.special_tokens_map,
        template,
        time.strftime("%Y-%m-%d") if "strftime_now" in str(template) else "",  # the template writes the date
        find_end_of_turn(tokenizer),  # which a config.json beside it may name
        options,
        contents,
    ]
    text = json.dumps(settings, sort_keys=True, default=repr)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


@functools.cache
def _code_hash() -> str:
    """Of the code that prepares rows, which changes between versions where Hone runs from its source."""
    folder = Path(core.__file__).parent
    return hash_files(sorted(file for name in ("data", "training") for file in (folder / name).rglob("*.py")))
