"""Counting up, down and in steps, the number after or before another, and how many of a thing are shown."""

from random import Random

from resources.make.expand import expand
from resources.make.items import Item
from resources.make.words import NOUNS

SHARE = 5
_UP = expand(
    "(Count|Please count|Can you count) from {a} to {b}.",
    "Say the numbers from {a} to {b}.",
    "Count: {a} to {b}.",
)
_DOWN = expand(
    "Count (down|backwards) from {a} to {b}.",
    "(Please count|Count) from {a} down to {b}.",
    "Count backwards: {a} to {b}.",
)
_STEP = expand("(Count|Please count) from {a} to {b} in steps of {s}.", "Count from {a} to {b} by {s}.")
_AFTER = expand("(What|Which number) comes (right |)after {a}?", "What is the next number after {a}?")
_BEFORE = expand("(What|Which number) comes (right |)before {a}?", "What is the number before {a}?")
_SHOWN = expand("How many (times do I say {w}|{w}s are there|{w}s do you see): {row}", "Count the {w}s: {row}")


def draw(rng: Random) -> Item:
    """One of the four forms."""
    return rng.choice((_count, _count, _in_steps, _neighbour, _shown))(rng)


def _count(rng: Random) -> Item:
    a = rng.randrange(90)
    b = a + rng.randint(2, 10)
    if rng.random() < 0.65:
        return _numbers(f"{a} {b}", rng.choice(_UP).format(a=a, b=b), range(a, b + 1))
    return _numbers(f"{b} {a}", rng.choice(_DOWN).format(a=b, b=a), range(b, a - 1, -1))


def _in_steps(rng: Random) -> Item:
    s = rng.choice((2, 2, 5, 10, 3))
    a = rng.randrange(0, 40, s)
    b = a + s * rng.randint(2, 6)
    return _numbers(f"{a} {b} by {s}", rng.choice(_STEP).format(a=a, b=b, s=s), range(a, b + 1, s))


def _numbers(key: str, prompt: str, run: range) -> Item:
    joined = [str(n) for n in run]
    return Item(f"counting: {key}", prompt, (", ".join(joined) + ".",), " ".join(joined), "numbers")


def _neighbour(rng: Random) -> Item:
    a, after = rng.randint(1, 200), rng.random() < 0.5
    n = a + 1 if after else a - 1
    prompt = rng.choice(_AFTER if after else _BEFORE).format(a=a)
    answers = (f"{'After' if after else 'Before'} {a} comes {n}.", str(n))
    return Item(f"counting: {prompt}", prompt, answers, str(n), "number", short=str(n))


def _shown(rng: Random) -> Item:
    word, n = rng.choice(NOUNS), rng.randint(1, 9)
    prompt = rng.choice(_SHOWN).format(w=word, row=" ".join([word] * n))
    return Item(
        f"counting: {word} {n}", prompt, (str(n), f"There are {n}.", f"I count {n}."), str(n), "number", short=str(n)
    )
