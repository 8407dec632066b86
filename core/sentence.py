"""Sentences for people that can be said in another language: they keep the words and the values they are made of."""

from collections.abc import Mapping
from typing import Any


class Sentence(str):
    """English text, made by say(). `words` is the text with {names}, `values` what stands in their place, other
    sentences among it. Where it goes through str methods it becomes plain English text."""

    words: str
    values: Mapping[str, Any]


def say(words: str, /, **values: Any) -> Sentence:
    """`words` with the values in the place of their {names}, as str.format() puts them there.

    `words` has to be a literal, which resources.make.languages finds and app.desktop.language translates.
    """
    sentence = Sentence(words.format(**values))
    sentence.words, sentence.values = words, values
    return sentence


def to_plain(sentence: Sentence) -> list[Any]:
    """[words, values], as JSON takes it."""
    values = {name: to_plain(v) if isinstance(v, Sentence) else v for name, v in sentence.values.items()}
    return [sentence.words, values]


def from_plain(said: Any) -> Sentence:
    """The sentence that to_plain() took apart. Raises ValueError, TypeError, LookupError where it is none."""
    words, values = said
    return say(words, **{name: from_plain(v) if isinstance(v, list) else v for name, v in values.items()})
