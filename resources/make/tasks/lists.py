"""Lists: so many things of a kind, in a sentence or line by line. Held out are pairs of a request and a number."""

from random import Random

from resources.make.expand import expand
from resources.make.facts.animals import LEGS
from resources.make.facts.calendar import DAYS, MONTHS
from resources.make.facts.everyday import KINDS
from resources.make.items import Item
from resources.make.words import NAMES

SHARE = 3
_PROMPTS = expand(
    "(Name|Tell me|Give me|List) {n} {kind}.", "Can you name {n} {kind}?",
    "(Write|Make|Give me) a list of {n} {kind}.", "(What are|Do you know) {n} {kind}?",
)  # fmt: skip
_NUMBERS = ("one", "two", "three", "four", "five")


def _kinds() -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {"animals": list(LEGS), "days": DAYS, "months": MONTHS, "names": NAMES}
    for thing, kind in KINDS.items():
        if " " not in kind:
            kinds.setdefault(kind + "s", []).append(thing)
    return kinds


KINDS_OF_LISTS = _kinds()


def draw(rng: Random) -> Item:
    """Two to five members of a kind; where the prompt says list, one on each line."""
    kind, n = rng.choice(list(KINDS_OF_LISTS)), rng.randint(2, 5)
    members = KINDS_OF_LISTS[kind]
    prompt = rng.choice(_PROMPTS).format(n=rng.choice((str(n), _NUMBERS[n - 1])), kind=kind)
    named = [members[i] for i in sorted(rng.sample(range(len(members)), n))]  # in order, so that none comes twice
    if "ist" in prompt:
        answer = "\n".join(f"- {m}" for m in named)
    else:
        joined = ", ".join(named[:-1]) + " and " + named[-1] + "."
        answer = joined[0].upper() + joined[1:]
    return Item(f"lists: {prompt}", prompt, (answer,), (str(n), *(m.lower() for m in members)), "members")
