"""Spelling: words letter by letter, joined again, their first and last letter, their length.

Held out are pairs of a word and a phrasing: the word's letters are learned from its other phrasings.
"""

from random import Random

from resources.make.expand import expand
from resources.make.items import Item
from resources.make.words import WORDS

SHARE = 8
_SPELL = expand(
    "(Spell|Please spell|Can you spell)(| the word) {w}.", "How do you spell {w}?", "Spell {w} letter by letter.",
    "(What are|Tell me) the letters (of|in) {w}?", "Write {w} with a dash between the letters.",
)  # fmt: skip
_JOIN = expand(
    "(Which|What) word is {s}?",
    "(Put|Join) the letters together: {s}",
    "Read this: {s}",
    "{s} spells what?",
)
_END = expand("(What|Which) is the {end} letter (of|in) {w}?", "(Tell me|Name) the {end} letter of {w}.",
              "(Which|What) letter does {w} {verb} with?")  # fmt: skip
_LENGTH = expand(
    "How many letters (does {w} have|has {w}|are in {w})?",
    "Count the letters (of|in) {w}.",
    "How long is the word {w}?",
)


def draw(rng: Random) -> Item:
    """One of the four forms, spelling out most often."""
    word = rng.choice(WORDS)
    prompt, answers, expect, rule, short = rng.choice((_spell, _spell, _spell, _join, _end, _length))(rng, word)
    return Item(f"spelling: {prompt}", prompt, answers, expect, rule, short=short)


_Drawn = tuple[str, tuple[str, ...], str, str, str]


def _spell(rng: Random, word: str) -> _Drawn:
    spelled = "-".join(word)
    return rng.choice(_SPELL).format(w=word), (spelled,), " ".join(word), "order", ""


def _join(rng: Random, word: str) -> _Drawn:
    return rng.choice(_JOIN).format(s="-".join(word)), (word, f"The word is {word}."), word, "word", word


def _end(rng: Random, word: str) -> _Drawn:
    end, letter, verb = rng.choice((("first", word[0], "begin"), ("last", word[-1], "end")))
    answers = (f"The {end} letter of {word} is {letter}.", letter)
    return rng.choice(_END).format(w=word, end=end, verb=verb), answers, letter, "word", letter


def _length(rng: Random, word: str) -> _Drawn:
    n = str(len(word))
    answers = (f"{word.capitalize()} has {n} letters.", f"{'-'.join(word)}: {n} letters.", n)
    return rng.choice(_LENGTH).format(w=word), answers, n, "number", n
