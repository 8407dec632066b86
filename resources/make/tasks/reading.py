"""Reading: a few short sentences, then a question about them. Held out are the sentences."""

from random import Random

from resources.make.facts import article
from resources.make.items import Item
from resources.make.words import COLOURS, NAMES, NOUNS

SHARE = 8
_PLACES = ("in the box", "on the table", "under the bed", "in the garden", "behind the door", "in the bag", "on the chair",
           "near the lake", "in the kitchen", "on the shelf")  # fmt: skip
_VERBS = ("likes", "has", "wants", "draws", "buys")


def draw(rng: Random) -> Item:
    """One of the four forms."""
    return rng.choice((_colour, _place, _who, _older))(rng)


def _item(text: str, question: str, answers: tuple[str, ...], expect: str) -> Item:
    return Item(f"reading: {text}", f"{text} {question}", answers, expect, "word", short=expect)


def _colour(rng: Random) -> Item:
    people, colours, thing = rng.sample(NAMES, 2), rng.sample(COLOURS, 2), rng.choice(NOUNS)
    text = " ".join(f"{p} has {article(c)}{c} {thing}." for p, c in zip(people, colours, strict=True))
    i = rng.randrange(2)
    answers = (f"{people[i]}'s {thing} is {colours[i]}.", f"It is {colours[i]}.")
    return _item(text, f"What colour is {people[i]}'s {thing}?", answers, colours[i])


def _place(rng: Random) -> Item:
    things, places = rng.sample(NOUNS, 2), rng.sample(_PLACES, 2)
    text = " ".join(f"The {t} is {p}." for t, p in zip(things, places, strict=True))
    i = rng.randrange(2)
    return _item(
        text, f"Where is the {things[i]}?", (f"The {things[i]} is {places[i]}.", f"It is {places[i]}."), places[i]
    )


def _who(rng: Random) -> Item:
    people, things, verb = rng.sample(NAMES, 3), rng.sample(NOUNS, 3), rng.choice(_VERBS)
    text = " ".join(f"{p} {verb} {article(t)}{t}." for p, t in zip(people, things, strict=True))
    i = rng.randrange(3)
    thing = article(things[i]) + things[i]
    return _item(text, f"Who {verb} {thing}?", (f"{people[i]} {verb} {thing}.", f"{people[i]}."), people[i])


def _older(rng: Random) -> Item:
    people, ages = rng.sample(NAMES, 2), rng.sample(range(3, 60), 2)
    text = " ".join(f"{p} is {a} years old." for p, a in zip(people, ages, strict=True))
    older = rng.random() < 0.5
    who = people[ages.index(max(ages) if older else min(ages))]
    word = "older" if older else "younger"
    return _item(text, f"Who is {word}?", (f"{who} is {word}.", f"{who}."), who)
