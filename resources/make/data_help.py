"""The page of the help about data: written by hand around what core.data itself knows."""

from collections.abc import Callable, Iterable

from core.data.check.fixes import EXCLUSIONS
from core.data.format import column_names
from core.data.format.shapes import SHAPES
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.data.read.chats import LONGEST, PAUSE_HOURS
from core.data.read.files import ENDINGS

_KINDS = {
    TEXT: "Examples",
    PAIRS: "Better and worse answers",
    UNPAIRED: "Answers marked good or bad",
    QUESTIONS: "Questions that can be checked",
}
_NAMES = {  # what a column holds: the names that say so
    "a conversation": column_names.MESSAGES,
    "a question": (*column_names.PROMPT, *column_names.INSTRUCTION, *column_names.QUESTION),
    "context beside it": column_names.CONTEXT,
    "its answer": tuple(dict.fromkeys((*column_names.COMPLETION, *column_names.ANSWER))),
    "thinking before the answer": column_names.THINKING,
    "a system message": column_names.SYSTEM,
    "functions it may call": column_names.TOOLS,
    "the better answer": column_names.CHOSEN,
    "the worse answer": column_names.REJECTED,
    "a mark": column_names.RATING,
    "plain text": column_names.TEXT,
}

_FILES = """# Data

What is read, what it has to hold, and what becomes of rows that cannot be used. Files are only read, never changed: what you choose here is kept in the run.

## Files

{endings}; those of text also packed as `.gz`, `.bz2` or `.xz`, or alone in a `.zip`. Several at once, a folder with them, or the id of a dataset on Hugging Face (`owner/name`). In a folder the names tell what is for training (`train`) and what is only measured on (`valid`, `val`, `dev`, `test`).

In the window, drop files anywhere, paste their text, or choose them at the **Data** step; the **Data** page lists all that were opened, with what was found. On the command line: `hone data inspect FILE`.

## Kinds of rows

The format is recognised by the names of the columns, in any case and order. A row that was made for another method is used where that makes sense, and it is said.

{kinds}

These names are known:

{names}

Where yours are others, **Wrong? Map columns…** says which column is what. It also takes a text with columns in it, such as `{{number}} {{unit}}`, and what lies inside of a column, such as `translation.en`.

A chat between people, as WhatsApp (text), Telegram, DiscordChatExporter, Instagram and Messenger (JSON) export it, has names in the place of user and assistant: say there, or with `--columns "assistant=Anna"`, whose messages are learned. Messages of one side that follow each other are one, a pause of {hours} hours, or a length of about {characters:,} characters, begins a new conversation, and what is no text is left out and counted.
"""

_FINDINGS = """## Problems

Each has its file and line. There are three sorts:

- **Left out:** nothing can be learned from the row: broken JSON, no answer, a value of the wrong type. The other rows are used, and the run says how many were left out. A run does not start where nothing is left.
- **Look at:** the row is used, unless you choose otherwise: a repeated row, a placeholder such as `{{{{name}}}}`, a conversation that does not end with an answer, a text that repeats its question, a column that nothing reads, letters that were read in a wrong encoding, words such as `nan` where a cell is empty, signs of a chat template in a message, a text that looks like a table, an exported chat or questions with answers.
- **Note:** worth knowing, nothing to do.

**Fix all safe ones** leaves out what teaches nothing: {safe}. The others are yours to choose: {others}; any single row too, with **Leave this row out**. A placeholder can be filled in with a text. Each choice is listed under **Chosen**, where a click takes it back. On the command line they are `--exclude` and `--fill-in`.

## What the model sees

The second tab shows a row as the model reads it, written by its chat template: underlined in colour what it learns to write, grey what it only reads, framed the special tokens, struck through what is cut off at the maximum length. What your file holds and the template does not write stands beside it, struck through. **Lengths** shows how long the rows are in tokens, and how many a maximum would cut.

## Measuring

A tenth of the rows is held out, and never trained on; rows that say the same stay on one side. A second file takes its place (drop it on the lower half of the window). **Better on unseen examples** at the end of a run is measured there. `--eval-split` changes the share.
"""


def data_page(grid: Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], str]) -> str:
    """The page; `grid` makes a table of heads and rows."""
    kinds = grid(
        ("", "columns", "also read"),
        [
            (title, "; ".join(s.expected for s in SHAPES[kind] if s.expected), _others(kind))
            for kind, title in _KINDS.items()
        ],
    )
    names = grid(
        ("holds", "names"), [(holds, ", ".join(f"`{name}`" for name in names)) for holds, names in _NAMES.items()]
    )
    safe = _join(exclusion.words for exclusion in EXCLUSIONS.values() if exclusion.is_safe)
    others = _join(exclusion.words for exclusion in EXCLUSIONS.values() if not exclusion.is_safe)
    endings = ", ".join(f"`{ending}`" for ending in ENDINGS)
    files = _FILES.format(endings=endings, kinds=kinds, names=names, hours=PAUSE_HOURS, characters=LONGEST)
    return files + "\n" + _FINDINGS.format(safe=safe, others=others)


def _others(kind: str) -> str:
    """The other shapes of a kind, with what is made of those that were meant for another."""
    shapes = [shape for shape in SHAPES[kind] if not shape.expected]
    return "; ".join(f"{s.name}: {s.note[0].lower()}{s.note[1:].rstrip('.')}" if s.note else s.name for s in shapes)


def _join(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
