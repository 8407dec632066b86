"""What was changed at a pause, in words."""

from collections.abc import Mapping
from typing import Any

from core.events import Event, Resumed
from core.options import describe, groups
from core.run.run import Run
from core.text.sentence import join, lower, say


def describe_resumed(event: Event) -> str:
    """A sentence about a Resumed event with changes, "" for any other event."""
    if not isinstance(event, Resumed) or not event.changes:
        return ""
    return say("From step {step:,} on: {changes}.", step=event.step + 1, changes=describe_changes(event.changes))


def describe_changes(changes: Mapping[str, Any]) -> str:
    """The changes of a Resumed event: "learning rate 0.0001 (0.0002 before), steps 160 (120 before)"."""
    labels = {f"{name}.{o.name}": o.label for name, cls in groups(Run) for o in describe(cls)}
    parts = []
    for key, pair in changes.items():
        before, now = pair if isinstance(pair, list) and len(pair) == 2 else (None, pair)
        words = say("{key} {now}", key=lower(labels.get(key, key)), now=_plain(now))
        parts.append(words if before is None else say("{words} ({before} before)", words=words, before=_plain(before)))
    return join(parts, ", ")


def _plain(value: Any) -> str:
    return say("{number:g}", number=value) if isinstance(value, float) else str(value)
