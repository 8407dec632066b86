"""The shapes a row can have, by kind of data, in the order in which they are tried. One file a kind."""

from core.data.format.shapes import pairs, questions, text, unpaired
from core.data.format.shapes.common import Shape as Shape
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED

SHAPES: dict[str, tuple[Shape, ...]] = {
    TEXT: text.SHAPES,
    PAIRS: pairs.SHAPES,
    UNPAIRED: unpaired.SHAPES,
    QUESTIONS: questions.SHAPES,
}
