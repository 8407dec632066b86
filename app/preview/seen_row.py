"""One row as the model sees it: its tokens, and where it loses parts, the row itself.

Reading one belongs on a task's thread.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.desktop.language import tr
from app.preview.row_parts import RowPart, find_row_dropped, row_parts
from app.widgets.token_view import MAX_TOKENS
from core.run import Data

if TYPE_CHECKING:  # brings in NumPy
    from core.data.preview.inspect import InspectedText
    from core.data.preview.page import PreviewRow


@dataclass(frozen=True)
class SeenRow:
    """A row, (name, tokens) of each text that the model sees of it, and its parts where it loses some of them."""

    item: "PreviewRow"
    sides: "list[tuple[str, InspectedText]]"
    parts: list[RowPart]


def read_seen(item: "PreviewRow", tokenizer: Any, data: Data) -> SeenRow:
    """What the model sees of a row with these options."""
    dropped = find_row_dropped(item, tokenizer)
    return SeenRow(item, _encode_sides(item, tokenizer, data), row_parts(item, dropped) if any(dropped) else [])


def _encode_sides(item: "PreviewRow", tokenizer: Any, data: Data) -> "list[tuple[str, InspectedText]]":
    """(name, tokens) of each text that the model sees of a row; at most two."""
    from core.data.preview.inspect import inspect_example

    sides: list[tuple[str, Any]] = []
    for example in item.examples:
        texts = inspect_example(
            example, tokenizer, train_on=data.train_on, max_len=data.max_seq_len, max_tokens=MAX_TOKENS
        )
        names = (tr("Better answer"), tr("Worse answer")) if len(texts) > 1 else (_label(example),)
        sides += zip(names, texts, strict=True)
    return sides[:2]


def _label(example: Any) -> str:
    if example.label is None:
        return ""
    return tr("✓ Marked good") if example.label else tr("✗ Marked bad")
