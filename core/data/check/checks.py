"""Remarks on examples that can be used: on one by itself, and on all of them together."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from core.data.check.seen_keys import SeenKeys
from core.data.format.column_names import TEXT
from core.data.format.example import Example, Remark
from core.data.format.formats import Format, join_names
from core.data.format.mapping import find_placeholder
from core.data.read.json_value import repeated_key, same_key_problems
from core.text.sentence import say

_SPEAKERS = ("user", "sender", "speaker", "from", "sender_name", "from_name", "authorid")
_ECHO_ROWS = 10_000  # whose answers are compared with their questions: what most rows do, these show
_WORDS_OF_QUESTION = 2  # blanks in a question, from which on an answer that begins with it is no chance
MIN_PAIRS = 50  # preference pairs from which their lengths are judged
# Share of pairs whose chosen answer is the longer one; above it, length may be all that is learned.
LENGTH_BIAS_SHARE = 0.8
# How conversations that are written out as one text name who asks and who answers.
_ASKS = re.compile(
    r"\[INST\]|<\|im_start\|>user|<\|user\|>|<start_of_turn>user|user<\|end_header_id\|>"
    r"|(^|[\n#<] ?)(human|user|instruction|question|q|frage)>? ?:|(?-i: USER: )|\[\|Human\|\]",
    re.IGNORECASE,
)
_REPLIES = re.compile(
    r"\[/INST\]|<\|im_start\|>assistant|<\|assistant\|>|<start_of_turn>model|assistant<\|end_header_id\|>"
    r"|[\n#<] ?(assistant|response|answer|output|bot|gpt|ai|a|antwort)>? ?:|(?-i: ASSISTANT:)|\[\|AI\|\]",
    re.IGNORECASE,
)
_TAGS = re.compile(
    r"</?(?:p|br|div|span|b|i|u|em|strong|ul|ol|li|a|h[1-6]|table|tr|td|img)\b[^<>]{0,500}>|&(?:nbsp|amp|lt|gt|quot);",
    re.IGNORECASE,
)
OVERLAP = Remark(
    "overlap",
    "warning",
    say("The row also stands in the validation data, which would flatter the result."),
    say("It can be left out of what is trained on."),
)


def left_out_remarks(numbers: Collection[int], rows: int) -> Iterator[Remark]:
    """Remarks on single rows that are left out by their numbers (from 1), of `rows` rows."""
    count = sum(number <= rows for number in numbers)
    if count:
        subject = say("1 row is") if count == 1 else say("{count:,} rows are", count=count)
        yield Remark("left-out", "note", say("{subject} left out by number, as chosen.", subject=subject))
    if count < len(numbers):
        message = say(
            "Row {number:,} is to be left out, but there are only {rows:,}: the files may have changed.",
            number=max(numbers),
            rows=rows,
        )
        yield Remark(
            "no-such-row", "warning", message, say("Look at the rows that are left out, and choose them anew.")
        )


def text_only_remarks(rows: int) -> Iterator[Remark]:
    """A remark on rows of which the text alone is learned."""
    if rows:
        subject = say("Of 1 row") if rows == 1 else say("Of {rows:,} rows", rows=rows)
        message = say("{subject} the text alone is learned, as chosen, without pictures and the like.", subject=subject)
        yield Remark("text-only", "note", message)


def marked_bad_remarks(rows: int) -> Iterator[Remark]:
    """A remark on rows that are not learned, as their answers are marked bad."""
    if rows:
        subject = say("1 row is") if rows == 1 else say("{count:,} rows are", count=rows)
        message = say("{subject} marked bad, and not learned.", subject=subject)
        fix = say("Map question and answer alone, without the mark, to learn from all of them.")
        yield Remark("marked-bad", "warning", message, fix)


def unanswered_remarks(messages: int) -> Iterator[Remark]:
    """A remark on messages at the ends of conversations between people that are left out."""
    if messages:
        subject = say("1 message is") if messages == 1 else say("{count:,} messages are", count=messages)
        message = say(
            "{subject} left out: what the assistant says before others do, and what others say behind its last answer.",
            subject=subject,
        )
        yield Remark("unanswered", "note", message)


def unread_file_remarks(files: Sequence[Path]) -> Iterator[Remark]:
    """A remark on files of a folder that are not read."""
    if files:
        names = ", ".join(file.name for file in files[:5]) + (say(" and others") if len(files) > 5 else "")
        subject = (
            say("A file of the folder is")
            if len(files) == 1
            else say("{count} files of the folder are", count=len(files))
        )
        message = say("{subject} not read beside the others: {names}.", subject=subject, names=names)
        yield Remark("unread", "warning", message, say("Choose the files themselves to learn from all of them."))


def held_out_file_remarks(files: Sequence[Path]) -> Iterator[Remark]:
    """A remark on files of a folder that are held out."""
    if files:
        names = ", ".join(file.name for file in files[:5]) + (say(" and others") if len(files) > 5 else "")
        yield Remark("held-out", "note", say("The validation data, where no other is given: {names}.", names=names))


def single_message_remarks(data_format: Format) -> Iterator[Remark]:
    """A remark on texts that are messages of somebody, of which each is learned by itself."""
    speaker = next((c for c in data_format.all_columns if c.strip().lower() in _SPEAKERS), None)
    if speaker and data_format.columns and all(c.strip().lower() in TEXT for c in data_format.columns):
        message = say(
            "The texts look like messages of a chat, by {column}; each is learned as a text of its own.", column=speaker
        )
        fix = say("Put the messages of each conversation into one list named messages.")
        yield Remark("single-messages", "warning", message, fix)


def whole_number_remarks(columns: Sequence[str]) -> Iterator[Remark]:
    """A remark on columns of whole numbers that are written as 3.0, which pandas makes of them beside empty cells."""
    if columns:
        message = say(
            "{columns} holds whole numbers written as 3.0, as pandas does beside empty cells; so they are learned.",
            columns=join_names(columns),
        )
        yield Remark("whole-numbers", "warning", message, say("Save them as whole numbers: in pandas, as Int64."))


def unread_column_remarks(columns: Sequence[str]) -> Iterator[Remark]:
    """A remark on columns that hold texts and that nothing reads."""
    if columns:
        subject = (
            say("A column that says something is") if len(columns) == 1 else say("Some columns that say something are")
        )
        message = say("{subject} not read: {columns}.", subject=subject, columns=join_names(columns))
        yield Remark(
            "unread-column", "warning", message, say("Map the columns to use it, or leave it if that is meant.")
        )


def example_remarks(example: Example, texts: Sequence[str]) -> list[Remark]:
    """Remarks on one usable example, of which `texts` are the example_texts()."""
    remarks = []
    for text in texts:
        if "{{" in text and (placeholder := find_placeholder(text)):
            message = say(
                "The placeholder {placeholder} stands in the text, and the model would learn to write it.",
                placeholder=placeholder,
            )
            remarks.append(Remark("placeholder", "warning", message, say("It can be filled in, or the row left out.")))
            break
    question, answer = _question(example), _answer(example)
    if question and question == answer:
        message = say("The answer only repeats the question.")
        remarks.append(Remark("same-as-question", "warning", message, say("The row can be left out.")))
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
        self._plain = self._first_plain = 0  # prompts without a chat template, and the line of the first
        self._answers = 0  # that were looked at
        self._answered = self._echoes = 0  # answers to questions of some words, and those that begin with them
        self._tagged = 0  # of these answers, those with tags of HTML
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
        if example.prompt is not None and not _ASKS.search(example.prompt):
            self._plain += 1
            self._first_plain = self._first_plain or example.line
        if self._answers < _ECHO_ROWS and (answer := _answer(example)):
            self._answers += 1
            self._tagged += _TAGS.search(answer) is not None
            question = _question(example)
            if question.count(" ") >= _WORDS_OF_QUESTION:
                self._answered += 1
                self._echoes += answer != question and answer.startswith(question)
        if example.label is not None:
            self._marks[example.label] += 1
        if example.chosen is not None:
            self._pairs += 1
            self._longer += _length(example.chosen) > _length(example.rejected)
        return is_duplicate

    def remarks(self, drops_duplicates: bool) -> Iterator[tuple[int | None, Remark]]:
        """(line, remark) on all examples; `drops_duplicates` says that duplicates are left out."""
        if self._duplicates:
            count = (
                say("1 row says")
                if self._duplicates == 1
                else say("{duplicates:,} rows say", duplicates=self._duplicates)
            )
            message = say("{count} the same as an earlier row; this is the first.", count=count)
            fix = (
                say("They are left out.")
                if drops_duplicates
                else say("The split keeps them on one side; they can be left out.")
            )
            yield self._first_duplicate, Remark("duplicate", "warning", message, fix)
        if self._seen_keys.full:
            message = say("Repeated rows were looked for among the first {rows:,} only.", rows=self._seen_keys.max_keys)
            yield None, Remark("many-rows", "note", message)
        if self._weighted:
            count = (
                say("1 answer has")
                if self._weighted == 1
                else say("{weighted:,} answers have", weighted=self._weighted)
            )
            message = say("{count} a weight other than 0 and 1, which is taken as 1; this is the first.", count=count)
            yield self._first_weighted, Remark("weight", "warning", message, say("A weight of 0 leaves an answer out."))
        if 2 * self._echoes > self._answered:
            share = f"{self._echoes / self._answered:.0%}"
            message = say("In {share} of the rows the answer begins with its question again.", share=share)
            yield None, Remark("echo", "warning", message, say("The model learns to repeat what it is asked."))
        if 2 * self._tagged > self._answers:
            share = f"{self._tagged / self._answers:.0%}"
            message = say("In {share} of the rows the answer has tags or signs of HTML, such as <br>.", share=share)
            yield None, Remark("markup", "warning", message, say("The model learns to write them."))
        if self._written_out:
            texts = say("{written_out:,} texts are conversations", written_out=self._written_out)
            texts = say("1 text is a conversation") if self._written_out == 1 else texts
            message = say(
                "{texts} written out, of which the questions are learned as well; this is the first.", texts=texts
            )
            fix = say("As messages, only the answers are learned.")
            yield self._first_written_out, Remark("written-out", "warning", message, fix)
        if self._plain:
            subject = say("Of 1 row") if self._plain == 1 else say("Of {rows:,} rows", rows=self._plain)
            message = say(
                "{subject} prompt and answer are learned as text, with no chat template around them, as in TRL; this "
                "is the first.",
                subject=subject,
            )
            fix = say("A chat puts one around what it is asked. As question and answer, they are learned that way.")
            yield self._first_plain, Remark("no-template", "note", message, fix)
        if len(self._marks) == 1:
            mark = say("good") if self._marks[True] else say("bad")
            yield (
                None,
                Remark("one-sided", "warning", say("Every answer is marked {mark}; both kinds are needed.", mark=mark)),
            )
        if self._pairs >= MIN_PAIRS and self._longer > LENGTH_BIAS_SHARE * self._pairs:
            share = f"{self._longer / self._pairs:.0%}"
            message = say(
                "In {share} of the pairs the better answer is the longer one; the model may learn length.", share=share
            )
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
    answer = example.completion if example.chosen is None else example.chosen
    return (answer if isinstance(answer, str) else answer[-1]["content"] if answer else "").strip()


def _length(answer: Sequence[dict[str, str]] | str | None) -> int:
    return len(answer) if isinstance(answer, str) else sum(len(m["content"]) for m in answer or ())
