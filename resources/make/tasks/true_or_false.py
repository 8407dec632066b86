"""True or false: a fact, right or with another's answer, to confirm or put right. Held out are claims in a phrasing."""

from random import Random

from resources.make import facts
from resources.make.expand import expand
from resources.make.items import Item

SHARE = 6
_PROMPTS = expand(
    "(Is it true|Is it right|Is it correct) that {claim}?",
    "True or false: {claim}.",
    "{Claim}. Is that (true|right)?",
)
_YES = expand("Yes, {claim}.", "Yes, that is (true|right): {claim}.")
_NO = expand("No, {claim}.", "No, that is (wrong|not true): {claim}.")


def draw(rng: Random) -> Item:
    """A claim, true half of the time."""
    family = rng.choice([f for f in facts.load().values() if f.claim])
    x, true = rng.choice(list(family.table.items()))
    others = sorted(set(family.table.values()) - {true})
    said = true if rng.random() < 0.5 else rng.choice(others)
    prompt = _put(rng.choice(_PROMPTS), _claim(family, x, said))
    answers = _YES if said == true else _NO
    verdict = "yes" if said == true else "no"
    return Item(
        key=f"true or false: {prompt}",
        prompt=prompt,
        answers=tuple(_put(a, _claim(family, x, true)) for a in answers),
        expect=verdict,
        rule="first",
        short=verdict,
    )


def _claim(family: facts.Family, x: str, y: str) -> str:
    claim = facts.fill(family.claim, x, y)
    name = family.claim.startswith(("{x}", "{y}")) and (x if family.claim.startswith("{x}") else y)[0].isupper()
    return claim if name else claim[0].lower() + claim[1:]


def _put(pattern: str, claim: str) -> str:
    return pattern.replace("{claim}", claim).replace("{Claim}", claim[0].upper() + claim[1:])
