"""Reading: a few short sentences, then one or more questions about them. Held out are the sentences."""

from random import Random

from resources.make.facts import article
from resources.make.items import Item, Turn
from resources.make.words import COLOURS, NAMES, NOUNS

SHARE = 12
_PLACES = ("in the box", "on the table", "under the bed", "in the garden", "behind the door", "in the bag", "on the chair",
           "near the lake", "in the kitchen", "on the shelf", "at school", "in the car")  # fmt: skip
_VERBS = {"like": "likes", "have": "has", "want": "wants", "draw": "draws", "buy": "buys", "see": "sees"}
_Asked = tuple[str, tuple[str, ...], str]  # question, right answers, what must stand in an answer
_Told = tuple[list[str], list[_Asked]]


def draw(rng: Random) -> Item:
    """One of the forms, with two to four sentences; the questions before the last are earlier turns."""
    sentences, asked = rng.choice((_colours, _places, _who, _what, _deeds, _ages))(rng, rng.choice((2, 2, 3, 3, 4)))
    text = " ".join(sentences)
    *earlier, (question, answers, expect) = rng.sample(asked, rng.randint(1, min(3, len(asked))))
    before: list[Turn] = []
    for q, a, _ in earlier:
        before += [("user", q if before else f"{text} {q}"), ("assistant", rng.choice(a))]
    prompt = question if before else f"{text} {question}"
    return Item(f"reading: {text}", prompt, answers, expect, "word", short=expect, before=tuple(before))


def _colours(rng: Random, count: int) -> _Told:
    thing = rng.choice(NOUNS)
    owned = list(zip(rng.sample(NAMES, count), rng.sample(COLOURS, count), strict=True))
    sentences = [f"{name} has {article(colour)}{colour} {thing}." for name, colour in owned]
    return sentences, [
        (f"What colour is {n}'s {thing}?", (f"{n}'s {thing} is {c}.", f"{n} has {article(c)}{c} {thing}."), c)
        for n, c in owned
    ]


def _places(rng: Random, count: int) -> _Told:
    put = list(zip(rng.sample(NOUNS, count), rng.sample(_PLACES, count), strict=True))
    sentences = [f"The {thing} is {place}." for thing, place in put]
    return sentences, [(f"Where is the {t}?", (f"The {t} is {p}.", f"It is {p}."), p) for t, p in put]


def _who(rng: Random, count: int) -> _Told:
    _, verb, told, sentences = _same_deed(rng, count)
    return sentences, [(f"Who {verb} {t}?", (f"{n} {verb} {t}.", f"{n}."), n) for n, t in told]


def _what(rng: Random, count: int) -> _Told:
    verb, verbs, told, sentences = _same_deed(rng, count)
    return sentences, [(f"What does {n} {verb}?", (f"{n} {verbs} {t}.",), t) for n, t in told]


def _same_deed(rng: Random, count: int) -> tuple[str, str, list[tuple[str, str]], list[str]]:
    verb, verbs = rng.choice(list(_VERBS.items()))
    things = [article(thing) + thing for thing in rng.sample(NOUNS, count)]
    told = list(zip(rng.sample(NAMES, count), things, strict=True))
    return verb, verbs, told, [f"{name} {verbs} {thing}." for name, thing in told]


def _deeds(rng: Random, count: int) -> _Told:
    """Everyone does something else, which is easier to find again."""
    told = list(
        zip(rng.sample(NAMES, count), rng.sample(list(_VERBS.items()), count), rng.sample(NOUNS, count), strict=True)
    )
    asked: list[_Asked] = []
    for name, (verb, verbs), thing in told:
        sentence = f"{name} {verbs} the {thing}."
        asked.append((f"What does {name} {verb}?", (sentence, f"The {thing}."), thing))
        asked.append((f"Who {verbs} the {thing}?", (sentence, f"{name}."), name))
    return [f"{name} {verbs} the {thing}." for name, (_, verbs), thing in told], asked


def _ages(rng: Random, count: int) -> _Told:
    told = list(zip(rng.sample(NAMES, count), rng.sample(range(3, 90), count), strict=True))
    asked: list[_Asked] = [(f"How old is {n}?", (f"{n} is {a} years old.",), str(a)) for n, a in told]
    if count == 2:
        (young, _), (old, _) = sorted(told, key=lambda t: t[1])
        asked += [(f"Who is {w}?", (f"{n} is {w}.",), n) for w, n in (("older", old), ("younger", young))]
    return [f"{name} is {age} years old." for name, age in told], asked
