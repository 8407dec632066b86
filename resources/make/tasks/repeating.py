"""Repeating: say this, say it in capitals, say it so many times, say it backwards. Held out are the words said.

Copying long rows of words is what teaches a small model to look back at all; sorting and reading build on it.
"""

from random import Random

from resources.make.expand import expand
from resources.make.facts import article
from resources.make.items import Item
from resources.make.words import ADJECTIVES, NAMES, NOUNS, WORDS

SHARE = 11
_SAY = expand("(Repeat|Say|Please repeat|Write)(| after me| this): {t}")
_AGAIN = expand("(Say|Write|Repeat)(| this) twice: {t}")
_LOUD = expand("(Write|Say|Repeat)(| this) in capital letters: {t}", "Shout(| this): {t}")
_TIMES = expand("(Say|Write) {w} {n} times.", "(Say|Write) the word {w} {n} times.", "Repeat {w} {n} times.")
_BACK = expand("(Say|Write) (these words|this) backwards: {t}", "Turn the order around: {t}")
_GREET = expand("Say (hello|goodbye|good night|thank you) to {name}.")
_VERBS = ("sees", "likes", "finds", "has", "wants", "paints", "draws")


def draw(rng: Random) -> Item:
    """One of the forms, plain repeating most often; the answer is exact."""
    return rng.choice((_say, _say, _say, _say, _again, _loud, _times, _back, _back, _greet))(rng)


def _item(prompt: str, key: str, answer: str) -> Item:
    return Item(f"repeating: {key}", prompt, (answer,), answer, "exact")


def _text(rng: Random, longest: int) -> str:
    if rng.random() < 0.75:
        return " ".join(rng.sample(WORDS, rng.randint(1, longest)))
    adjective = rng.choice(ADJECTIVES)
    return f"{rng.choice(NAMES)} {rng.choice(_VERBS)} {article(adjective)}{adjective} {rng.choice(NOUNS)}."


def _say(rng: Random) -> Item:
    text = _text(rng, 12)
    return _item(rng.choice(_SAY).format(t=text), text, text)


def _again(rng: Random) -> Item:
    text = " ".join(rng.sample(WORDS, rng.randint(2, 6)))
    return _item(rng.choice(_AGAIN).format(t=text), text, f"{text}, {text}")


def _loud(rng: Random) -> Item:
    text = " ".join(_text(rng, 4).split()[-3:])
    return _item(rng.choice(_LOUD).format(t=text), text, text.upper())


def _times(rng: Random) -> Item:
    word, (n, name) = rng.choice(WORDS), rng.choice([(2, "two"), (3, "three"), (4, "four"), (5, "five")])
    prompt = rng.choice(_TIMES).format(w=word, n=rng.choice((n, name)))
    return _item(prompt, f"{word} {n} times", " ".join([word] * n))


def _back(rng: Random) -> Item:
    listed = rng.sample(WORDS, rng.randint(2, 5))
    return _item(rng.choice(_BACK).format(t=" ".join(listed)), " ".join(listed), " ".join(reversed(listed)))


def _greet(rng: Random) -> Item:
    name, prompt = rng.choice(NAMES), rng.choice(_GREET)
    greeting = prompt.removeprefix("Say ").split(" to ")[0]
    return _item(prompt.format(name=name), f"{greeting} {name}", f"{greeting.capitalize()}, {name}!")
