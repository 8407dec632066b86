"""How the texts of a batch lie in what the model is given: each in a row of its own, several packed into one row, or
with a common prefix that is there once.

It is a matter of speed and memory alone. A text attends to itself and nothing else wherever it lies, and a loss finds
the same log-probabilities in the same places.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

WIDTH_MULTIPLE = 8  # widths are multiples of this: few different shapes
QUADRATIC_TOKENS = 4096  # at this many tokens attention is taken to cost as much as everything else

Segment = list[int]  # indices of texts that lie together, behind their common prefix


@dataclass(frozen=True)
class Layout:
    """What the model is given in place of one row a text: R rows of width W. Arrays are NumPy as built, MLX in the
    training loop. A segment is a text, or several behind a common prefix; these texts are its sub-segments."""

    tokens: Any  # [R, W] int32, padded on the right
    segments: Any  # [R, W] int32: which segment of its row a token belongs to, from 1; 0 for padding
    sub_segments: Any  # [R, W] int32: which text of the segment, from 1; 0 for the common prefix
    positions: Any  # [R, W] int32: the token's position in its own text
    sources: Any  # [M] int32: where in the flattened tokens each target is predicted, in the order of the mask
    shared: bool  # whether some token is part of several texts


class _Plan(NamedTuple):
    """Which segments share a row, and how wide the rows are."""

    rows: list[list[int]]  # indices into `segments`
    width: int
    segments: list[Segment]

    @property
    def cost(self) -> float:
        return len(self.rows) * self.width * (1 + self.width / QUADRATIC_TOKENS)


def choose_layout(
    texts: Sequence[Any],
    groups: Sequence[Segment],
    mask: Any,
    pack: bool,
    share: bool,
    multiple: int = WIDTH_MULTIPLE,
    always: bool = False,
) -> Layout | None:
    """The layout that costs least, or None where that is one row a text.

    texts     N texts, each with `tokens` [T]
    groups    which texts may share their common prefix, as indices into `texts`
    mask      [N, width - 1]: 1 where texts' tokens from the second on are learned
    pack      whether a row may hold several segments
    share     whether texts of a group may share their common prefix
    multiple  widths are multiples of this
    always    return a layout where it is one row a text, too
    """
    alone: list[Segment] = [[n] for n in range(len(texts))]
    plans = [_plan_rows(texts, alone, pack, multiple)]
    if share and len(groups) < len(texts):
        plans.append(_plan_rows(texts, list(groups), pack, multiple))
    plan = min(plans, key=lambda plan: plan.cost)
    if len(plan.rows) == len(texts) and not always:
        return None
    return build_layout([[plan.segments[n] for n in row] for row in plan.rows], plan.width, texts, mask)


def pad_width(tokens: int, multiple: int = WIDTH_MULTIPLE) -> int:
    """The width of a batch whose longest row has so many tokens: the next multiple."""
    return max(1, math.ceil(tokens / multiple)) * multiple


def build_layout(rows: Sequence[Sequence[Segment]], width: int, texts: Sequence[Any], mask: Any) -> Layout:
    """The layout of R rows of segments, each row `width` tokens wide; `texts` and `mask` as in choose_layout()."""
    tokens, segments, sub_segments, positions = (np.zeros((len(rows), width), np.int32) for _ in range(4))
    flat_places: dict[int, Any] = {}  # text -> the place of each of its tokens in the flattened rows
    for r, row in enumerate(rows):
        column = 0
        for s, segment in enumerate(row, 1):
            common = _common_prefix_length(texts, segment)
            prefix = np.arange(column, column + common)
            column += common
            for t, n in enumerate(segment, 1):
                own_tokens = texts[n].tokens[common:-1]
                place = np.arange(column, column + len(own_tokens))
                tokens[r, place], segments[r, place], sub_segments[r, place] = own_tokens, s, t
                positions[r, place] = common + np.arange(len(own_tokens))
                flat_places[n] = r * width + np.concatenate([prefix, place])
                column += len(own_tokens)
            tokens[r, prefix], segments[r, prefix] = texts[segment[0]].tokens[:common], s
            positions[r, prefix] = np.arange(common)
    sources = [flat_places[n][np.flatnonzero(mask[n])] for n in range(len(texts))]
    shared = any(len(segment) > 1 for row in rows for segment in row)
    return Layout(tokens, segments, sub_segments, positions, np.concatenate(sources).astype(np.int32), shared)


def _plan_rows(texts: Sequence[Any], segments: list[Segment], pack: bool, multiple: int) -> _Plan:
    """Segments on rows: the longest first, each on the first row with room for it (first-fit decreasing)."""
    lengths = _segment_lengths(texts, segments)
    width = pad_width(max(lengths), multiple)
    rows: list[list[int]] = []
    free: list[int] = []  # tokens of each row
    for n in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        place = next((r for r, room in enumerate(free) if room >= lengths[n]), None) if pack else None
        if place is None:
            rows.append([n])
            free.append(width - lengths[n])
        else:
            rows[place].append(n)
            free[place] -= lengths[n]
    return _Plan(rows, width, segments)


def _segment_lengths(texts: Sequence[Any], segments: Sequence[Segment]) -> list[int]:
    """Tokens of each segment. A text's last token predicts nothing and is left out."""
    lengths = []
    for segment in segments:
        common = _common_prefix_length(texts, segment)
        lengths.append(common + sum(len(texts[n].tokens) - 1 - common for n in segment))
    return lengths


def _common_prefix_length(texts: Sequence[Any], segment: Segment) -> int:
    """How many tokens the texts of a segment all begin with, their last ones left out. 0 for a single text."""
    if len(segment) == 1:
        return 0
    first = texts[segment[0]].tokens[:-1]
    length = len(first)
    for n in segment[1:]:
        tokens = texts[n].tokens[:-1]
        length = min(length, len(tokens))
        differences = np.flatnonzero(first[:length] != tokens[:length])
        length = int(differences[0]) if len(differences) else length
    return length
