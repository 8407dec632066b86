"""Facts: capitals, animals, colours, days, opposites and much more, in many phrasings.

Held out are pairs of a fact and a phrasing: the fact is learned from its other phrasings.
"""

from random import Random

from resources.make import facts
from resources.make.items import Item

SHARE = 14


def draw(rng: Random) -> Item:
    """A fact in one of its phrasings."""
    return of(rng, rng.choice(_WEIGHTED))


def of(rng: Random, name: str) -> Item:
    """A fact of one family in one of its phrasings."""
    family = facts.load()[name]
    x = rng.choice(list(family.table))
    y = family.table[x]
    prompt = facts.fill(rng.choice(family.prompts), x, y)
    return Item(
        key=f"facts: {prompt}",
        prompt=prompt,
        answers=tuple(facts.fill(a, x, y) for a in family.answers),
        expect=y,
        rule="word",
        short=y,
    )


def _weighted() -> list[str]:
    """Family names, the larger tables more often, so that each fact is seen about as often as any other."""
    return [name for name, family in facts.load().items() for _ in range(4 + len(family.table) // 4)]


_WEIGHTED = _weighted()
