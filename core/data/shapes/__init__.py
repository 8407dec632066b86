"""The shapes a row can have, by kind of data, in the order in which they are tried. One file a kind."""

from core.data.shapes import pairs, questions, text, thumbs
from core.data.shapes.common import Shape as Shape
from core.methods import PAIRS, QUESTIONS, TEXT, THUMBS

SHAPES: dict[str, tuple[Shape, ...]] = {
    TEXT: text.SHAPES,
    PAIRS: pairs.SHAPES,
    THUMBS: thumbs.SHAPES,
    QUESTIONS: questions.SHAPES,
}
