"""Repeating: say this, say it in capitals, say it so many times, say it backwards. Held out are the words said."""

from random import Random

from resources.make.expand import expand
from resources.make.facts import article
from resources.make.items import Item
from resources.make.words import ADJECTIVES, NAMES, NOUNS, WORDS

SHARE = 8
_SAY = expand("(Repeat|Say|Please repeat|Write)(| after me| this): {t}")
_LOUD = expand("(Write|Say|Repeat)(| this) in capital letters: {t}", "Shout(| this): {t}")
_TIMES = expand("(Say|Write) {w} {n} times.", "(Say|Write) the word {w} {n} times.", "Repeat {w} {n} times.")
_BACK = expand("(Say|Write) (these words|this) backwards: {t}", "Turn the order around: {t}")
_GREET = expand("Say (hello|goodbye|good night|thank you) to {name}.")


def draw(rng: Random) -> Item:
    """One of the five forms; the answer is exact."""
    return rng.choice((_say, _say, _loud, _times, _back, _greet))(rng)


def _item(prompt: str, key: str, answer: str) -> Item:
    return Item(f"repeating: {key}", prompt, (answer,), answer, "exact")


def _text(rng: Random) -> str:
    if rng.random() < 0.5:
        return " ".join(rng.sample(WORDS, rng.randint(1, 6)))
    verb = rng.choice(("sees", "likes", "finds", "has", "wants", "paints", "draws"))
    adjective = rng.choice(ADJECTIVES)
    return f"{rng.choice(NAMES)} {verb} {article(adjective)}{adjective} {rng.choice(NOUNS)}."


def _say(rng: Random) -> Item:
    text = _text(rng)
    return _item(rng.choice(_SAY).format(t=text), text, text)


def _loud(rng: Random) -> Item:
    text = " ".join(_text(rng).split()[-3:])
    return _item(rng.choice(_LOUD).format(t=text), text, text.upper())


def _times(rng: Random) -> Item:
    word, (n, name) = rng.choice(WORDS), rng.choice([(2, "two"), (3, "three"), (4, "four"), (5, "five")])
    prompt = rng.choice(_TIMES).format(w=word, n=rng.choice((n, name)))
    return _item(prompt, f"{word} {n} times", " ".join([word] * n))


def _back(rng: Random) -> Item:
    listed = rng.sample(WORDS, rng.randint(2, 4))
    return _item(rng.choice(_BACK).format(t=" ".join(listed)), " ".join(listed), " ".join(reversed(listed)))


def _greet(rng: Random) -> Item:
    name, prompt = rng.choice(NAMES), rng.choice(_GREET)
    greeting = prompt.removeprefix("Say ").split(" to ")[0]
    return _item(prompt.format(name=name), f"{greeting} {name}", f"{greeting.capitalize()}, {name}!")
