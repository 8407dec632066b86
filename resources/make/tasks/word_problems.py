"""Word problems: someone has some things and gets more or gives some away. Held out are name, thing and numbers."""

from random import Random

from resources.make.items import Item
from resources.make.words import NAMES, PLURALS

SHARE = 4
_MORE = (
    "{n} has {a} {t}. {n} gets {b} more. How many {t} does {n} have now?",
    "{n} has {a} {t} and finds {b} more. How many {t} are there now?",
    "There are {a} {t} on the table. {n} puts {b} more on it. How many {t} are on the table?",
    "{n} buys {a} {t} and {b} more the next day. How many {t} did {n} buy?",
)
_LESS = (
    "{n} has {a} {t}. {n} gives {b} away. How many {t} does {n} have now?",
    "{n} has {a} {t} and loses {b}. How many {t} are left?",
    "There are {a} {t} in a box. {n} takes {b} out. How many {t} are left in the box?",
    "{n} had {a} {t} and sold {b}. How many {t} does {n} still have?",
)


def draw(rng: Random) -> Item:
    """A problem with numbers up to 20."""
    name, thing = rng.choice(NAMES), rng.choice(PLURALS)
    a, b = rng.randint(2, 20), rng.randint(2, 20)
    more = rng.random() < 0.5
    if not more:
        a, b = max(a, b) + 1, min(a, b)
    sign, result = ("+", a + b) if more else ("-", a - b)
    prompt = rng.choice(_MORE if more else _LESS).format(n=name, t=thing, a=a, b=b)
    answers = (
        f"{a} {sign} {b} = {result}. The answer is {result}.",
        f"{a} {sign} {b} = {result}. So it is {result} {thing}.",
    )
    return Item(
        f"word problems: {name} {thing} {a} {sign} {b}", prompt, answers, str(result), "number", short=str(result)
    )
