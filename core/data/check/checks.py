"""Remarks on examples that can be used: on one by itself, and on all of them together."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core.data.check.seen_keys import SeenKeys
from core.data.format.example import Example, Remark
from core.data.format.formats import join_names
from core.data.format.mapping import find_placeholder
from core.data.read.json_value import repeated_key, same_key_problems

MIN_PAIRS = 50  # preference pairs from which their lengths are judged
# Share of pairs whose chosen answer is the longer one; above it, length may be all that is learned.
LENGTH_BIAS_SHARE = 0.8
# How conversations that are written out as one text name who asks and who answers.
_ASKS = re.compile(
    r"\[INST\]|<\|im_start\|>user|<\|user\|>|<start_of_turn>user|user<\|end_header_id\|>"
    r"|(^|[\n#<] ?)(human|user|instruction|question)>? ?:",
    re.IGNORECASE,
)
_REPLIES = re.compile(
    r"\[/INST\]|<\|im_start\|>assistant|<\|assistant\|>|<start_of_turn>model|assistant<\|end_header_id\|>"
    r"|[\n#<] ?(assistant|response|answer|output|bot|gpt|ai)>? ?:",
    re.IGNORECASE,
)
OVERLAP = Remark(
    "overlap",
    "warning",
    "The row also stands in the validation data, which would flatter the result.",
    "It can be left out of what is trained on.",
)


def left_out_remarks(numbers: Collection[int], rows: int) -> Iterator[Remark]:
    """Remarks on single rows that are left out by their numbers (from 1), of `rows` rows."""
    count = sum(number <= rows for number in numbers)
    if count:
        subject = "1 row is" if count == 1 else f"{count:,} rows are"
        yield Remark("left-out", "note", f"{subject} left out by number, as chosen.")
    if count < len(numbers):
        message = f"Row {max(numbers):,} is to be left out, but there are only {rows:,}: the files may have changed."
        yield Remark("no-such-row", "warning", message, "Look at the rows that are left out, and choose them anew.")


def text_only_remarks(rows: int) -> Iterator[Remark]:
    """A remark on rows of which the text alone is learned."""
    if rows:
        subject = "Of 1 row" if rows == 1 else f"Of {rows:,} rows"
        message = f"{subject} the text alone is learned, as chosen, without pictures and the like."
        yield Remark("text-only", "note", message)


def unread_file_remarks(files: Sequence[Path]) -> Iterator[Remark]:
    """A remark on files of a folder that are not read."""
    if files:
        names = ", ".join(file.name for file in files[:5]) + (" and others" if len(files) > 5 else "")
        subject = "A file of the folder is" if len(files) == 1 else f"{len(files)} files of the folder are"
        message = f"{subject} not read, since others are named as training data: {names}."
        yield Remark("unread", "warning", message, "Choose the files themselves to learn from all of them.")


def held_out_file_remarks(files: Sequence[Path]) -> Iterator[Remark]:
    """A remark on files of a folder that are held out."""
    if files:
        names = ", ".join(file.name for file in files[:5]) + (" and others" if len(files) > 5 else "")
        yield Remark("held-out", "note", f"The validation data, where no other is given: {names}.")


def unread_column_remarks(columns: Sequence[str]) -> Iterator[Remark]:
    """A remark on columns that hold texts and that nothing reads."""
    if columns:
        subject = "A column that says something is" if len(columns) == 1 else "Some columns that say something are"
        message = f"{subject} not read: {join_names(columns)}."
        yield Remark("unread-column", "warning", message, "Map the columns to use it, or leave it if that is meant.")


def example_remarks(example: Example, texts: Sequence[str]) -> list[Remark]:
    """Remarks on one usable example, of which `texts` are the example_texts()."""
    remarks = []
    for text in texts:
        if "{{" in text and (placeholder := find_placeholder(text)):
            message = f"The placeholder {placeholder} stands in the text, and the model would learn to write it."
            remarks.append(Remark("placeholder", "warning", message, "It can be filled in, or the row left out."))
            break
    question, answer = _question(example), _answer(example)
    if question and question == answer:
        message = "The answer only repeats the question."
        remarks.append(Remark("same-as-question", "warning", message, "The row can be left out."))
    return remarks


def same_key_remarks(cells: Iterable[Any], texts: Sequence[Sequence[str]]) -> list[Remark]:
    """A remark where a cell holds JSON in which a key stands twice, unless it is learned as it stands."""
    for cell in cells:
        if not (isinstance(cell, str) and cell[:1] in ("{", "[") and (content := cell.rstrip())[-1:] in ("}", "]")):
            continue
        if any(content in text for own_texts in texts for text in own_texts):
            continue
        if (key := repeated_key(cell)) is not None:
            return [Remark(p.code, p.severity, p.message, p.fix) for p in same_key_problems(key, 0)]
    return []


class DatasetChecks:
    """Remarks that need all examples: duplicates, one-sided marks and lengths."""

    def __init__(self) -> None:
        self._seen_keys = SeenKeys()
        self._duplicates = self._first_duplicate = 0  # their number, and the line of the first
        self._marks: Counter[bool] = Counter()
        self._pairs = self._longer = 0
        self._written_out = self._first_written_out = 0  # texts that are conversations, and the line of the first
        self._weighted = self._first_weighted = 0  # answers whose weight is neither 0 nor 1, and the line of the first

    def add(self, example: Example, key: str) -> bool:
        """Take in an example and its content_key(). Returns whether it repeats an earlier one."""
        is_duplicate = self._seen_keys.add(key)
        if is_duplicate:
            self._duplicates += 1
            self._first_duplicate = self._first_duplicate or example.line
        for message in example.messages or ():
            if "weight" in message and message["role"] == "assistant" and message["weight"] not in (0, 1):
                self._weighted += 1
                self._first_weighted = self._first_weighted or example.line
        if example.text is not None and _is_written_out(example.text):
            self._written_out += 1
            self._first_written_out = self._first_written_out or example.line
        if example.label is not None:
            self._marks[example.label] += 1
        if example.chosen is not None:
            self._pairs += 1
            self._longer += _length(example.chosen) > _length(example.rejected)
        return is_duplicate

    def remarks(self, drops_duplicates: bool) -> Iterator[tuple[int | None, Remark]]:
        """(line, remark) on all examples; `drops_duplicates` says that duplicates are left out."""
        if self._duplicates:
            count = "1 row says" if self._duplicates == 1 else f"{self._duplicates:,} rows say"
            message = f"{count} the same as an earlier row; this is the first."
            fix = (
                "They are left out." if drops_duplicates else "The split keeps them on one side; they can be left out."
            )
            yield self._first_duplicate, Remark("duplicate", "warning", message, fix)
        if self._seen_keys.full:
            message = f"Repeated rows were looked for among the first {self._seen_keys.max_keys:,} only."
            yield None, Remark("many-rows", "note", message)
        if self._weighted:
            count = "1 answer has" if self._weighted == 1 else f"{self._weighted:,} answers have"
            message = f"{count} a weight other than 0 and 1, which is taken as 1; this is the first."
            yield self._first_weighted, Remark("weight", "warning", message, "A weight of 0 leaves an answer out.")
        if self._written_out:
            texts = f"{self._written_out:,} texts are conversations"
            texts = "1 text is a conversation" if self._written_out == 1 else texts
            message = f"{texts} written out, of which the questions are learned as well; this is the first."
            fix = "As messages, only the answers are learned."
            yield self._first_written_out, Remark("written-out", "warning", message, fix)
        if len(self._marks) == 1:
            mark = "good" if self._marks[True] else "bad"
            yield None, Remark("one-sided", "warning", f"Every answer is marked {mark}; both kinds are needed.")
        if self._pairs >= MIN_PAIRS and self._longer > LENGTH_BIAS_SHARE * self._pairs:
            share = f"{self._longer / self._pairs:.0%}"
            message = f"In {share} of the pairs the better answer is the longer one; the model may learn length."
            yield None, Remark("length-bias", "warning", message)


def _is_written_out(text: str) -> bool:
    """Whether a text is a conversation that names who asks and then who answers."""
    asks = _ASKS.search(text)
    return asks is not None and _REPLIES.search(text, asks.end()) is not None


def _question(example: Example) -> str:
    """The last message of the user, or the prompt."""
    if example.messages is not None:
        for message in reversed(example.messages):
            if message["role"] == "user":
                return str(message["content"]).strip()
        return ""
    return (example.prompt or "").strip()


def _answer(example: Example) -> str:
    if example.messages is not None and example.messages[-1]["role"] == "assistant":
        return str(example.messages[-1]["content"]).strip()
    return (example.completion or "").strip()


def _length(answer: Sequence[dict[str, str]] | str | None) -> int:
    return len(answer) if isinstance(answer, str) else sum(len(m["content"]) for m in answer or ())
