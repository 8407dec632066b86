"""What a text shows: beside blanks there are characters of no width, which look like nothing at all."""

import unicodedata

_FORMAT, _CONTROL = "Cf", "Cc"  # Unicode's categories of characters that are not drawn
_FILLERS = "\u2800\u3164\uffa0\u115f\u1160"  # letters and signs that are drawn as nothing


def is_blank(text: str) -> bool:
    """Whether a text holds nothing that can be seen."""
    if "!" <= text[:1] <= "~":  # nearly every text
        return False
    if not text:
        return True
    return all(c.isspace() or c in _FILLERS or unicodedata.category(c) in (_FORMAT, _CONTROL) for c in text)


def as_seen(text: str) -> str:
    """A text with each letter as one character, and without characters of no width that are there for nothing."""
    return unicodedata.normalize("NFC", text).replace("\u200b", "").replace("\ufeff", "")
