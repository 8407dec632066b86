"""Many phrasings from one line: "How (are you|is life)(| today)?" stands for four."""

import functools
import itertools
import re

_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")


@functools.cache
def expand(*patterns: str) -> tuple[str, ...]:
    """Every text the patterns stand for, in order, each once. Choices do not nest."""
    texts: dict[str, None] = {}
    for pattern in patterns:
        parts = _CHOICE.split(pattern)  # even places: fixed text, odd places: the choices
        choices = [part.split("|") if i % 2 else [part] for i, part in enumerate(parts)]
        texts.update(dict.fromkeys("".join(picked) for picked in itertools.product(*choices)))
    return tuple(texts)
