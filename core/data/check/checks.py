"""What is odd about rows that can be used: one row by itself, and all of them together."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from core.data.check.seen_keys import Known
from core.data.format.example import Example, Remark, key, words
from core.data.format.mapping import placeholder

ENOUGH = 50  # pairs from which their lengths say something
LONGER = 0.8  # share of pairs whose better answer is the longer one, from which length may be all that is learned
OVERLAP = Remark(
    "overlap",
    "warning",
    "The row also stands in the validation data, which would flatter the result.",
    "It can be left out of what is trained on.",
)


def left_out(numbers: Collection[int], rows: int) -> Iterator[Remark]:
    """Remarks on single rows that a person has left out, of so many."""
    there = sum(number <= rows for number in numbers)
    if there:
        words = "1 row is" if there == 1 else f"{there:,} rows are"
        yield Remark("left-out", "note", f"{words} left out by number, as chosen.")
    if there < len(numbers):
        message = f"Row {max(numbers):,} is to be left out, but there are only {rows:,}: the files may have changed."
        yield Remark("no-such-row", "warning", message, "Look at the rows that are left out, and choose them anew.")


def unread(files: Sequence[Path]) -> Iterator[Remark]:
    """A remark on files of a folder that are not read."""
    if files:
        names = ", ".join(file.name for file in files[:5]) + (" and others" if len(files) > 5 else "")
        what = "A file of the folder is" if len(files) == 1 else f"{len(files)} files of the folder are"
        message = f"{what} not read, since others are named as training data: {names}."
        yield Remark("unread", "warning", message, "Choose the files themselves to learn from all of them.")


def row(example: Example) -> Iterator[Remark]:
    """Remarks on one usable row."""
    found = next((p for p in map(placeholder, words(example)) if p), "")
    if found:
        message = f"The placeholder {found} stands in the text, and the model would learn to write it."
        yield Remark("placeholder", "warning", message, "It can be filled in, or the row left out.")
    asked, answer = _question(example), _answer(example)
    if asked and asked == answer:
        yield Remark("same-as-question", "warning", "The answer only repeats the question.", "The row can be left out.")


class Together:
    """Remarks that need all rows: repetitions, one-sided marks and lengths."""

    def __init__(self) -> None:
        self._known = Known()
        self._first = self._again = 0
        self._marks: Counter[bool] = Counter()
        self._pairs = self._longer = 0

    def repeated(self, example: Example) -> bool:
        """Takes a row in. Whether it says the same as an earlier one."""
        again = self._known.add(key(example))
        if again:
            self._again += 1
            self._first = self._first or example.line
        if example.label is not None:
            self._marks[example.label] += 1
        if example.chosen is not None:
            self._pairs += 1
            self._longer += _length(example.chosen) > _length(example.rejected)
        return again

    def remarks(self, dropped: bool) -> Iterator[tuple[int | None, Remark]]:
        """(line, remark) on the whole; `dropped` tells that repetitions are left out."""
        if self._again:
            count = "1 row says" if self._again == 1 else f"{self._again:,} rows say"
            message = f"{count} the same as an earlier row; this is the first."
            fix = "They are left out." if dropped else "The split keeps them on one side; they can be left out."
            yield self._first, Remark("duplicate", "warning", message, fix)
        if self._known.full:
            message = f"Repeated rows were looked for among the first {self._known.most:,} only."
            yield None, Remark("many-rows", "note", message)
        if len(self._marks) == 1:
            only = "good" if self._marks[True] else "bad"
            yield None, Remark("one-sided", "warning", f"Every answer is marked {only}; both kinds are needed.")
        if self._pairs >= ENOUGH and self._longer > LONGER * self._pairs:
            share = f"{self._longer / self._pairs:.0%}"
            message = f"In {share} of the pairs the better answer is the longer one; the model may learn length."
            yield None, Remark("length-bias", "warning", message)


def _question(example: Example) -> str:
    if example.messages is not None:
        asked = [m["content"] for m in example.messages if m["role"] == "user"]
        return str(asked[-1]).strip() if asked else ""
    return (example.prompt or "").strip()


def _answer(example: Example) -> str:
    if example.messages is not None and example.messages[-1]["role"] == "assistant":
        return str(example.messages[-1]["content"]).strip()
    return (example.completion or "").strip()


def _length(answer: Sequence[dict[str, str]] | str | None) -> int:
    return len(answer) if isinstance(answer, str) else sum(len(m["content"]) for m in answer or ())
