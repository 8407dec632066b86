"""Special tokens that part a text: what stands on one side is tokenized without regard to the other."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple


class Separator(NamedTuple):
    """A separator in the pieces of a text: characters `start` to `end` of a piece."""

    piece: int
    start: int
    end: int


@functools.lru_cache(maxsize=4)
def separator_ids(tokenizer: Any, size: int) -> frozenset[int]:
    """Tokens that separate the text, so that both sides are tokenized independently. `size` is part of the cache's key
    alone: it changes when tokens are added."""
    added_tokens = tokenizer.added_tokens_decoder.items()
    return frozenset(id for id, t in added_tokens if t.special and not (t.normalized or t.lstrip or t.single_word))


def find_separators(pieces: Sequence[str], tokenizer: Any) -> list[Separator] | None:
    """The separators in the pieces of a text, "" for those that may be any text.

    None where one of them could be missed, or stand elsewhere, for what stands around the pieces.
    """
    wanted = separator_ids(tokenizer, len(tokenizer))
    found: list[Separator] = []
    for number, piece in enumerate(pieces):
        if not piece:
            continue
        encoding = tokenizer.backend_tokenizer.encode(piece, add_special_tokens=False)
        for id, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if id in wanted:
                if piece[start:end] != str(tokenizer.added_tokens_decoder[id].content):
                    return None  # it takes in white space around it
                if not _is_always_found(tokenizer, len(tokenizer), piece[start:end]):
                    return None
                found.append(Separator(number, start, end))
    return found


@functools.lru_cache(maxsize=256)
def _is_always_found(tokenizer: Any, size: int, separator: str) -> bool:
    """Whether a separator is a token of its own wherever it stands: no other added token can begin before it and reach
    into it, or begin where it does and be longer. Nor may it take in white space that follows. `size` as above."""
    for token in tokenizer.added_tokens_decoder.values():
        content = str(token.content)
        if content == separator:
            if token.rstrip:
                return False
        elif content.startswith(separator):
            return False
        tails = (content[n:] for n in range(1, len(content)))
        if any(tail.startswith(separator) or separator.startswith(tail) for tail in tails):
            return False
    return True
