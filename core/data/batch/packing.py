"""How the texts of a batch lie in what the model is given: each in a row of its own, several in one, or with a
common beginning that is there once.

It is a matter of speed and memory alone. A text sees itself and nothing else wherever it lies, and a loss finds
the same log-probabilities in the same places.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WIDTH_MULTIPLE = 8  # widths are multiples of this: few different shapes
QUADRATIC_TOKENS = 4096  # at this many tokens attention is taken to cost as much as everything else

Segment = list[int]  # texts that lie together, behind what they all begin with


@dataclass(frozen=True)
class Layout:
    """What the model is given in place of one row a text. Arrays are NumPy as built, MLX in the loop."""

    tokens: Any  # [R, W] int32, padded on the right
    units: Any  # [R, W] int32: which unit of its row a token belongs to, 0 padding
    branches: Any  # [R, W] int32: which text of the unit, 0 for what they all begin with
    positions: Any  # [R, W] int32: its place in its own text
    sources: Any  # [M] int32: where in the flattened tokens each target is predicted, in the order of the mask
    shared: bool  # whether some token is part of several texts


def choose_layout(
    texts: Sequence[Any],
    together: Sequence[Segment],
    mask: Any,
    pack: bool,
    share: bool,
    multiple: int = WIDTH_MULTIPLE,
    always: bool = False,
) -> Layout | None:
    """The layout that costs least, or None where that is one row a text, unless it is wanted `always`.

    `texts` have `tokens`, `mask` [N, T-1] says which are learned, and `together` which texts may share their
    beginning. Without `share` no beginning is shared, without `pack` no row holds two units.
    """
    alone: list[Segment] = [[n] for n in range(len(texts))]
    plans = [(_shelves(_lengths(texts, alone), pack, multiple), alone)]
    if share and len(together) < len(texts):
        units = list(together)
        plans.append((_shelves(_lengths(texts, units), pack, multiple), units))
    (shelves, width), units = min(plans, key=lambda plan: _cost(len(plan[0][0]), plan[0][1]))
    if len(shelves) == len(texts) and not always:
        return None
    return build_layout([[units[u] for u in shelf] for shelf in shelves], width, texts, mask)


def pad_width(tokens: int, multiple: int = WIDTH_MULTIPLE) -> int:
    """The width of a batch whose longest row is so many tokens long."""
    return max(1, math.ceil(tokens / multiple)) * multiple


def _cost(rows: int, width: int) -> float:
    return rows * width * (1 + width / QUADRATIC_TOKENS)


def _lengths(texts: Sequence[Any], units: Sequence[Segment]) -> list[int]:
    """Tokens of each unit. A text's last token predicts nothing and is left out."""
    made = []
    for unit in units:
        start = _common(texts, unit)
        made.append(start + sum(len(texts[n].tokens) - 1 - start for n in unit))
    return made


def _common(texts: Sequence[Any], unit: Segment) -> int:
    """How many tokens the texts of a unit all begin with, their last ones left out. 0 for a single text."""
    if len(unit) == 1:
        return 0
    first = texts[unit[0]].tokens[:-1]
    length = len(first)
    for n in unit[1:]:
        other = texts[n].tokens[:-1]
        length = min(length, len(other))
        differ = np.flatnonzero(first[:length] != other[:length])
        length = int(differ[0]) if len(differ) else length
    return length


def _shelves(lengths: Sequence[int], pack: bool, multiple: int) -> tuple[list[list[int]], int]:
    """(which units share a row, the rows' width): the longest first, each where it first fits."""
    width = pad_width(max(lengths), multiple)
    shelves: list[list[int]] = []
    free: list[int] = []
    for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        place = next((s for s, room in enumerate(free) if room >= lengths[n]), None) if pack else None
        if place is None:
            shelves.append([n])
            free.append(width - lengths[n])
        else:
            shelves[place].append(n)
            free[place] -= lengths[n]
    return shelves, width


def build_layout(shelves: Sequence[Sequence[Segment]], width: int, texts: Sequence[Any], mask: Any) -> Layout:
    """The layout of units on shelves, each shelf a row of so many tokens."""
    tokens, units, branches, positions = (np.zeros((len(shelves), width), np.int32) for _ in range(4))
    where: dict[int, Any] = {}  # text -> the flat place of each of its tokens
    for s, shelf in enumerate(shelves):
        at = 0
        for u, unit in enumerate(shelf, 1):
            common = _common(texts, unit)
            start = np.arange(at, at + common)
            for b, n in enumerate(unit, 1):
                own = texts[n].tokens[common:-1]
                at = at + common if b == 1 else at
                place = np.arange(at, at + len(own))
                tokens[s, place], units[s, place], branches[s, place] = own, u, b
                positions[s, place] = common + np.arange(len(own))
                where[n] = s * width + np.concatenate([start, place])
                at += len(own)
            tokens[s, start], units[s, start], positions[s, start] = (
                texts[unit[0]].tokens[:common],
                u,
                start - start[:1],
            )
    sources = [where[n][np.flatnonzero(mask[n])] for n in range(len(texts))]
    shared = any(len(unit) > 1 for shelf in shelves for unit in shelf)
    return Layout(tokens, units, branches, positions, np.concatenate(sources).astype(np.int32), shared)
