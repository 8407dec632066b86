"""What a run is doing, and how far it is with that, in words. No Qt."""

import re

from app.desktop.language import localize, tr
from core.events import Phase
from core.run import STARTER

_COUNTED = re.compile(r"(?:(?P<done>[\d,]+) of (?P<about>about )?)?(?P<total>[\d,]+)(?P<unit> rows| rows tokenized)?")


def describe_phase(phase: Phase) -> str:
    """A phase with how far it is: "Validating before training: 37 of 98 rows"."""
    name = tr(phase.name)
    return f"{name}: {describe_detail(phase.detail)}" if phase.detail else name


def describe_detail(detail: str) -> str:
    """How far a phase is, which the core counts in rows; what else it says stands for itself."""
    if detail == STARTER:
        return tr("Starter model")
    found = _COUNTED.fullmatch(detail)
    if found is None:
        return tr(detail)
    done, total, unit = found["done"], localize(found["total"]), found["unit"] or ""
    if done is None:
        return tr("{total} rows", total=total)
    texts = {
        "": tr("{done} of {total}", done=localize(done), total=total),
        " rows": tr("{done} of {total} rows", done=localize(done), total=total),
    }
    if found["about"]:
        return tr("{done} of about {total} rows tokenized", done=localize(done), total=total)
    return texts.get(unit) or tr("{done} of {total} rows tokenized", done=localize(done), total=total)
