"""Comparing numbers: which one is bigger or smaller, and whether a claim holds. Held out are pairs of numbers."""

from random import Random

from resources.make.expand import expand
from resources.make.items import Item

SHARE = 6
_BIGGER = expand(
    "Which (number |)is (bigger|larger|greater)(,|:) {a} or {b}?", "What is more, {a} or {b}?",
    "(Tell me|Name) the (bigger|larger) number: {a} or {b}.",
)  # fmt: skip
_SMALLER = expand(
    "Which (number |)is (smaller|less)(,|:) {a} or {b}?", "What is less, {a} or {b}?",
    "(Tell me|Name) the smaller number: {a} or {b}.",
)  # fmt: skip
_CLAIM = expand("Is {a} (bigger|larger|greater|more|smaller|less) than {b}?")


def draw(rng: Random) -> Item:
    """Two different numbers, most with two digits, some with three."""
    top = rng.choice((10, 100, 100, 1000))
    a, b = rng.sample(range(top), 2)
    low, high = sorted((a, b))
    key = f"comparing: {low} {high}"
    form = rng.randrange(3)
    if form == 2:
        prompt = rng.choice(_CLAIM).format(a=a, b=b)
        true = (a < b) == ("smaller" in prompt or "less" in prompt)
        verdict = "yes" if true else "no"
        answers: tuple[str, ...] = (f"{verdict.capitalize()}, {a} is {'bigger' if a > b else 'smaller'} than {b}.",)
        return Item(key, prompt, answers, verdict, "first", short=verdict)
    wanted, other, adjective = (high, low, "bigger") if form == 0 else (low, high, "smaller")
    prompt = rng.choice(_BIGGER if form == 0 else _SMALLER).format(a=a, b=b)
    answers = (f"{wanted} is {adjective} than {other}.", f"{wanted} is {adjective}.", str(wanted))
    # The first number of the answer is the one asked for, so the last need not be.
    return Item(key, prompt, answers, str(wanted), "first", short=str(wanted))
