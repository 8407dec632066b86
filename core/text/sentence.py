"""Sentences for people that can be said in another language: they keep the words and the values they are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MAX_SENTENCE = 300  # characters
CAPITALIZED = "{text:capitalized}"  # the words of a text with a capital at its beginning


class Sentence(str):
    """English text, made by say(). `words` is the text with {names}, `values` what stands in their place, other
    sentences among it. str() keeps them, also of an exception, and so do + and the functions of this module; other
    str methods and f-strings make plain English text of it."""

    words: str
    values: Mapping[str, Any]

    def __str__(self) -> str:
        return self

    def __add__(self, other: str) -> "Sentence":
        return join((self, other), "")

    def __radd__(self, other: str) -> "Sentence":
        return join((other, self), "")

    def __reduce__(self) -> tuple[Any, ...]:
        return _with_words, (super().__str__(), self.words, dict(self.values))


def say(words: str, /, **values: Any) -> Sentence:
    """`words` with the values in the place of their {names}, as str.format() puts them there; braces in words without
    values are braces.

    `words` has to be a literal, which resources.make.languages finds and app.desktop.language translates. Errors and
    paths among the values are taken as their text.
    """
    values = {name: value if isinstance(value, str | int | float) else str(value) for name, value in values.items()}
    return _with_words(words.format(**values) if values else words, words, values)


def join(sentences: Iterable[str], separator: str = " ") -> Sentence:
    """separator.join() that keeps the sentences."""
    parts = {f"part{n}": sentence for n, sentence in enumerate(sentences)}
    return _with_words(separator.join(parts.values()), separator.join(f"{{{name}}}" for name in parts), parts)


def capitalize(text: str) -> Sentence:
    """The text with a capital at its beginning, in each language."""
    return _with_words(text[:1].upper() + text[1:], CAPITALIZED, {"text": text})


def join_and(parts: Sequence[str]) -> str:
    """The parts as in "a, b and c"; "" where there are none."""
    if len(parts) < 2:
        return parts[0] if parts else ""
    return say("{listed} and {last}", listed=join(parts[:-1], ", "), last=parts[-1])


def shorten(text: str, length: int = MAX_SENTENCE) -> str:
    """The text on one line and in at most `length` characters: of a longer one the middle is left out. Characters that
    cannot be shown, as a damaged file may hold them, become "\ufffd". A sentence stays one, with its values
    shortened."""
    short = _shorten(text, length)
    if not isinstance(text, Sentence):
        return short
    values = {name: shorten(v, length) if isinstance(v, str) else v for name, v in text.values.items()}
    return _with_words(short, text.words, values)


def _shorten(text: str, length: int) -> str:
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)
    if len(text) <= length:
        return text
    end = length // 3  # what is wrong stands first, what was expected last
    return f"{text[: length - end - 3]} … {text[-end:]}"


def _with_words(text: str, words: str, values: Mapping[str, Any]) -> Sentence:
    sentence = Sentence(text)
    sentence.words, sentence.values = words, values
    return sentence


def to_plain(sentence: Sentence) -> list[Any]:
    """[words, values], as JSON takes it."""
    values = {name: to_plain(v) if isinstance(v, Sentence) else v for name, v in sentence.values.items()}
    return [sentence.words, values]


def from_plain(said: Any) -> Sentence:
    """The sentence that to_plain() took apart. Raises ValueError, TypeError, LookupError where it is none."""
    words, plain = said
    values = {name: from_plain(v) if isinstance(v, list) else v for name, v in plain.items()}
    return capitalize(values["text"]) if words == CAPITALIZED else say(words, **values)
