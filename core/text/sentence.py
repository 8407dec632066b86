"""Sentences for people that can be said in another language: they keep the words and the values they are made of."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MAX_SENTENCE = 300  # characters
SAID = "said"  # the only key of what stands for a sentence in JSON
LOWERED = "{text:lowered}"  # the words of a text with a small letter at its beginning, in English alone
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

    `words` has to be a literal, which resources.make.languages finds and app.desktop.language translates. Of errors
    among the values the reason is said, as core.text.reasons has it; paths are taken as their text.
    """
    values = {name: as_value(value) for name, value in values.items()}
    return _with_words(words.format(**values) if values else words, words, values)


def as_value(value: Any) -> str | int | float:
    """What a value of a sentence is said as."""
    if isinstance(value, BaseException):
        from core.text.reasons import reason  # whose sentences are made by say()

        return reason(value)
    return value if isinstance(value, str | int | float) else str(value)


def join(sentences: Iterable[str], separator: str = " ") -> Sentence:
    """separator.join() that keeps the sentences, the separator too where it is one."""
    parts = {f"part{n}": sentence for n, sentence in enumerate(sentences)}
    text, names = separator.join(parts.values()), (f"{{{name}}}" for name in parts)
    if isinstance(separator, Sentence):
        return _with_words(text, "{separator}".join(names), parts | {"separator": separator})
    return _with_words(text, separator.join(names), parts)


def split_lines(text: str) -> list[str]:
    """The lines of a text that join() has put together with line breaks, sentences still; blank ones are left out."""
    if not isinstance(text, Sentence):
        return [line for line in text.split("\n") if line]
    if "\n" not in text.words:
        return [text] if text else []
    lines: list[str] = []
    for words in text.words.split("\n"):
        name = words[1:-1]
        part = text.values[name] if words == f"{{{name}}}" and name in text.values else say(words, **text.values)
        lines += split_lines(part)
    return lines


def capitalize(text: str) -> Sentence:
    """The text with a capital at its beginning, in each language."""
    return _with_words(text[:1].upper() + text[1:], CAPITALIZED, {"text": text})


def lower(text: str) -> Sentence:
    """A title in the middle of a sentence: with a small letter at its beginning in English, as it is elsewhere."""
    small = text if text[1:2].isupper() else text[:1].lower() + text[1:]
    return _with_words(small, LOWERED, {"text": text})


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
    if not isinstance(words, str):
        raise TypeError(f"not the words of a sentence: {words!r}")
    values = {name: from_plain(v) if isinstance(v, list) else v for name, v in plain.items()}
    if words in (CAPITALIZED, LOWERED):
        return capitalize(values["text"]) if words == CAPITALIZED else lower(values["text"])
    return say(words, **values)


def pack(value: Any) -> Any:
    """A value as JSON takes it, in which each sentence of its lists and dicts is {"said": [words, values]}."""
    if isinstance(value, Sentence):
        return {SAID: to_plain(value)}
    if isinstance(value, Mapping):
        return {key: pack(inner) for key, inner in value.items()}
    return [pack(inner) for inner in value] if isinstance(value, list | tuple) else value


def unpack(value: Any) -> Any:
    """The value that pack() made ready for JSON, with lists for tuples. Raises ValueError for a damaged sentence."""
    if isinstance(value, dict):
        if value.keys() == {SAID}:
            try:
                return from_plain(value[SAID])
            except (TypeError, LookupError, AttributeError) as error:
                raise ValueError(f"not a sentence: {str(value)[:80]}") from error
        return {key: unpack(inner) for key, inner in value.items()}
    return [unpack(inner) for inner in value] if isinstance(value, list) else value
