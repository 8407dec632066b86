"""Which format a file is in, seen from many of its rows, and each row turned into what it means."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.data.format.example import Unusable
from core.data.format.shapes import SHAPES, Shape
from core.data.format.shapes.common import MESSAGES, Built, pick
from core.data.read.reader import Row

LOOK_AT = 1000  # rows looked at to tell the format


@dataclass(frozen=True)
class Format:
    """The shapes found among the rows, the most frequent first; none when no row has a known one."""

    kind: str
    shapes: tuple[Shape, ...]
    columns: tuple[str, ...]  # that the first shape uses
    rows: int
    found: tuple[str, ...] = ()  # every column seen

    @property
    def name(self) -> str:
        return self.shapes[0].name if self.shapes else "Unknown"

    @property
    def sentence(self) -> str:
        """What was found, such as "Alpaca, 1,000 rows: instruction, input and output."."""
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        if not self.shapes:
            return f"{rows} with columns that are not known: {listed(self.found)}."
        others = f" Some rows are in another format: {listed([s.name for s in self.shapes[1:]])}."
        said = f" {self.shapes[0].said}" if self.shapes[0].said else ""
        return f"{self.name}, {rows}: {listed(self.columns)}.{said}" + (others if len(self.shapes) > 1 else "")

    def examples(self, row: Row) -> Built:
        """What the row means, with remarks. Raises Unusable when nothing can be learned from it."""
        for shape in self.shapes:
            if shape.columns(row.value):
                return shape.build(row)
        # A file can change its format after the rows that were looked at.
        for shape in SHAPES[self.kind]:
            if shape.columns(row.value):
                return shape.build(row)
        column = pick(row.value, MESSAGES)
        if column:
            raise Unusable("type", f"{column} is not a list of messages.")
        raise Unusable("columns", unknown(tuple(row.value), self.kind))


def detect(rows: Iterable[Row], kind: str) -> Format:
    """The format of rows for a kind of data (core.TEXT, PAIRS, UNPAIRED, QUESTIONS)."""
    count: Counter[Shape] = Counter()
    used: Counter[str] = Counter()
    found: dict[str, None] = {}
    rows = list(rows)
    for row in rows:
        found.update(dict.fromkeys(row.value))
        for shape in SHAPES[kind]:
            if shape.columns(row.value):
                count[shape] += 1
                break
    shapes = tuple(shape for shape, _ in count.most_common())
    if shapes:
        for row in rows:
            used.update(shapes[0].columns(row.value))
    columns = tuple(c for c in found if used[c])
    return Format(kind, shapes, columns, len(rows), tuple(found))


def unknown(columns: tuple[str, ...], kind: str) -> str:
    """The sentence for columns that no shape of the kind knows."""
    wanted = ", or ".join(shape.needs for shape in SHAPES[kind] if shape.needs)
    if not columns:
        return f"The row has no columns; expected are {wanted}."
    these = f"columns {listed(columns)} are" if len(columns) > 1 else f"column {listed(columns)} is"
    return f"The {these} not known; expected {wanted}."


def listed(names: Iterable[Any]) -> str:
    """a, b and c"""
    words = [" ".join(str(name).split()) for name in names]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else "none"
