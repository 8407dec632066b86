"""Answers that are words or letters: found where a text states them, and compared without what does not count."""

import re

from core.data.format.final_answer import final_answer, has_final_answer
from core.text.visible import as_seen

LEAD = re.compile(
    r"(?:answer|result|total|solution|antwort|ergebnis)\W{0,4}(?:(?:(?:is|are|ist|lautet)\b|[=:]+)[\s*_]*:?\s*)+",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|\n")
_LETTER = re.compile(r"[\s(\[*_\"'“]*([A-Z])(?:[)\].:,;*_\"'”]|\s*$|\s+(?:because|since|as|weil|denn)\b)")
_CHOICE_WORD = re.compile(r"^\s*(?:option|choice|answer|antwort)\s+(?=[(\[*_]*[A-Z]\b)", re.IGNORECASE)
_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mbox|boxed)\s*\{([^{}]*)\}")
_NOT_COUNTED = re.compile(r"[\s$*`]+|\\left|\\right|\\[,;! ]")


def find_words(text: str, expected: str) -> str:
    """What a text states where words are expected: what is marked as the result, or follows "the answer is", or all of
    it. Where a letter is expected, the letter of a choice."""
    if has_final_answer(text):
        stated = final_answer(text)
    elif leads := list(LEAD.finditer(text)):
        stated = text[leads[-1].end() :]
        end = _SENTENCE_END.search(stated)
        is_letter = len(bare(expected)) == 1  # "B. Paris" goes on behind its full stop
        stated = stated[: end.start()] if end and not is_letter else stated
    else:
        stated = text
    if re.fullmatch(r"[A-Z]", expected.strip()):
        letter = _LETTER.match(_CHOICE_WORD.sub("", _unwrapped(stated)))
        return letter[1] if letter else stated.strip()
    return stated.strip()


def bare(text: str) -> str:
    """A text without what does not count when texts are compared: spacing, case, emphasis, a full stop."""
    text = as_seen(_unwrapped(text))
    text = re.sub(r"\\infty\b|\binfinity\b|\binf\b", "∞", text)
    text = re.sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"\1/\2", text)
    text = re.sub(r"\^\{(\w+)\}", r"^\1", text)
    return _NOT_COUNTED.sub("", text).casefold().strip("_\"'“”„").rstrip(".")


def _unwrapped(text: str) -> str:
    return _WRAPPED.sub(r"\1", text)
