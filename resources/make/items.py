"""An item of the corpus: a question, its right answers, and how an answer is checked."""

import re
import zlib
from dataclasses import dataclass

Turn = tuple[str, str]  # (role, text)


@dataclass(frozen=True)
class Item:
    """One question. Items with the same key lie on the same side of the split between training and held-out."""

    key: str
    prompt: str
    answers: tuple[str, ...]  # right answers in plain style, one is drawn
    expect: str | tuple[str, ...]  # what checks.right() compares with
    rule: str  # a name in checks.RULES
    short: str = ""  # the bare answer, for answers in a style; empty where a style makes no sense
    before: tuple[Turn, ...] = ()  # earlier turns of the conversation


def held_out(key: str) -> bool:
    """Whether a key belongs to the held-out tenth. It follows from the key alone, so the sides can never mix.

    Capitals and punctuation do not count, because phrasing.vary() changes them.
    """
    plain = re.sub(r"[\s.,!?]+", " ", key.lower()).strip()
    return zlib.crc32(plain.encode()) % 10 == 0
