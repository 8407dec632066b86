"""What the starter model knows: families of facts, each a table with its phrasings. The folder is the list."""

import functools
import importlib
import pkgutil
import re
from dataclasses import dataclass

from resources.make.expand import expand


@dataclass(frozen=True)
class Family:
    """Facts of one form. In prompts and answers {x} is the subject, {y} its answer, {a x} puts a or an before it."""

    name: str
    table: dict[str, str]
    prompts: tuple[str, ...]
    answers: tuple[str, ...]
    claim: str = ""  # a statement to ask about: "Is it true that ...?"; empty where none is natural


def pairs(text: str) -> dict[str, str]:
    """A table from "France=Paris, Italy=Rome"."""
    table = {}
    for entry in text.split(","):
        if entry.strip():
            subject, answer = entry.split("=")
            table[subject.strip()] = answer.strip()
    return table


def family(name: str, table: dict[str, str], prompts: list[str], answers: list[str], claim: str = "") -> Family:
    """A family whose prompts and answers are patterns for expand()."""
    return Family(name, table, expand(*prompts), expand(*answers), claim)


def fill(pattern: str, x: str, y: str) -> str:
    """The pattern with subject and answer put in, and its first letter a capital."""
    values = {"x": x, "y": y}
    text = re.sub(r"\{(a )?([xy])\}", lambda m: (article(values[m[2]]) if m[1] else "") + values[m[2]], pattern)
    return text[0].upper() + text[1:]


def article(word: str) -> str:
    """ "a " or "an ", as the word's first letter asks."""
    return "an " if word[0].lower() in "aeiou" and not word.startswith(("uni", "one", "use")) else "a "


@functools.cache
def load() -> dict[str, Family]:
    """Every family by name."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        found += importlib.import_module(f"{__name__}.{module.name}").FAMILIES
    return {f.name: f for f in sorted(found, key=lambda f: f.name)}
