"""What has changed from one text to the next, word by word. No Qt."""

import difflib
import re

_PARTS = re.compile(r"\s+|\w+|[^\w\s]")  # a word, a sign, or the space between
_MOST = 4000  # parts that are compared; of longer texts the rest counts as unchanged


def mark_changes(before: str, after: str) -> list[tuple[str, bool]]:
    """The pieces of `after`, each with whether it is new or other than in `before`; joined they are `after`.

    Space that stands between two changed words belongs to them.
    """
    old, new = _PARTS.findall(before)[:_MOST], _PARTS.findall(after)
    compared, rest = new[:_MOST], new[_MOST:]
    changed = [False] * len(compared)
    matcher = difflib.SequenceMatcher(None, old, compared, autojunk=False)
    for tag, _, _, begin, end in matcher.get_opcodes():
        if tag in ("replace", "insert"):
            changed[begin:end] = [True] * (end - begin)
    _settle_spaces(compared, changed)
    pieces: list[tuple[str, bool]] = []
    for part, is_changed in zip([*compared, *rest], [*changed, *([False] * len(rest))], strict=True):
        if pieces and pieces[-1][1] == is_changed:
            pieces[-1] = (pieces[-1][0] + part, is_changed)
        else:
            pieces.append((part, is_changed))
    return pieces


def _settle_spaces(parts: list[str], changed: list[bool]) -> None:
    """A space is changed where it stands between two changed words, and nowhere else."""
    for i, part in enumerate(parts):
        if part.isspace():
            changed[i] = 0 < i < len(parts) - 1 and changed[i - 1] and changed[i + 1]
