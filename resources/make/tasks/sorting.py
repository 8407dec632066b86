"""Sorting numbers and words, and picking the biggest or smallest of several. Held out are the lists."""

from random import Random

from resources.make.expand import expand
from resources.make.items import Item
from resources.make.words import WORDS

SHARE = 8
_UP = expand("(Sort|Order|Please sort)(| these numbers): {row}", "Put (in order|these in order): {row}",
             "Sort from small to (big|large): {row}", "Sort these numbers, smallest first: {row}")  # fmt: skip
_DOWN = expand("Sort from (big|large) to small: {row}", "Sort these numbers, (biggest|largest) first: {row}",
               "(Sort|Order) downwards: {row}")  # fmt: skip
_WORDS = expand(
    "(Sort|Order|Please sort) (these words|the words)(| by the alphabet): {row}", "Sort alphabetically: {row}",
    "Put these words in alphabetical order: {row}",
)  # fmt: skip
_PICK = expand("(Which|What) is the {end}: {row}?", "(Name|Tell me|Find) the {end} number: {row}")
_ENDS = {"biggest": max, "largest": max, "smallest": min}


def draw(rng: Random) -> Item:
    """A list of three to five."""
    return rng.choice((_numbers, _numbers, _words, _pick))(rng)


def _numbers(rng: Random) -> Item:
    listed = rng.sample(range(rng.choice((10, 100, 100))), rng.randint(3, 5))
    up = rng.random() < 0.7
    in_order = [str(n) for n in sorted(listed, reverse=not up)]
    prompt = rng.choice(_UP if up else _DOWN).format(row=", ".join(map(str, listed)))
    return Item(f"sorting: {sorted(listed)}", prompt, (", ".join(in_order),), " ".join(in_order), "numbers")


def _words(rng: Random) -> Item:
    first_letters: dict[str, str] = {}
    for word in rng.sample(WORDS, 12):  # different first letters: a small model sees words as whole pieces
        first_letters.setdefault(word[0], word)
    listed = list(first_letters.values())[: rng.randint(3, 4)]
    rng.shuffle(listed)
    in_order = ", ".join(sorted(listed))
    prompt = rng.choice(_WORDS).format(row=", ".join(listed))
    return Item(f"sorting: {in_order}", prompt, (in_order,), in_order, "order")


def _pick(rng: Random) -> Item:
    listed, end = rng.sample(range(100), rng.randint(3, 5)), rng.choice(list(_ENDS))
    n = _ENDS[end](listed)
    prompt = rng.choice(_PICK).format(end=end, row=", ".join(map(str, listed)))
    return Item(f"sorting: {sorted(listed)}", prompt, (f"The {end} is {n}.", str(n)), str(n), "number", short=str(n))
