"""Remarks on texts that hold something other than what was meant: letters in a wrong encoding, signs of a chat
template, words that spreadsheets and programs write where a cell is empty."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.data.format import column_names as names_of
from core.data.format.example import Example, Remark
from core.text.sentence import say

# One of these is in every garbled text, and is looked for first: that takes next to no time.
_MARKS = (
    "\ufffd", "Ã", "Â", "â€", "ï»¿", "Ð", "Ñ", "ã", "ä", "å", "æ", "ç", "è", "é", "\0", "\x1b", "\x07", "\x08",
    "_x000D_",
)  # fmt: skip
# UTF-8 that was read in another encoding, of two, three and three bytes a character; what was lost; what is no letter.
_HIGH = "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122"
_GARBLED = re.compile(
    rf"Ã[{_HIGH}]|Â[\u00a0-\u00bf]|â€[{_HIGH}]|ï»¿|(?:[ÐÑ][{_HIGH}]){{2}}|(?:[ã-é][{_HIGH}]{{2}}){{2}}"
    "|\ufffd|_x000D_|[\0\x07\x08\x1b]"
)
# A new line in letters where a paragraph or a list goes on; an umlaut and the like in digits. Not what is in LaTeX.
_ESCAPED = re.compile(r"(?<!\\)\\n(?:\\n|[-*•] |\d{1,2}[.)] )|[.!?:]\\n(?=[A-Z])|\\u00[a-fA-F\d]{2}")
_TEMPLATE = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|eom_id|start_header_id|end_header_id|begin_of_text|end_of_text|end|user"
    r"|assistant|system)\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|<｜[^｜<>]{3,30}｜>"
)
_FOR_EMPTY = frozenset((
    "nan", "n/a", "#n/a", "#nv", "<na>", "null", "(null)", "none", "nil", "undefined", "<noinput>", "#ref!", "#value!",
    "#name?", "#num!", "#null!", "#div/0!", "#wert!", "#bezug!", "#zahl!",
))  # fmt: skip
_LONGEST_FOR_EMPTY = 10  # characters of the longest of these words
_READ = frozenset((
    *names_of.PROMPT, *names_of.INSTRUCTION, *names_of.QUESTION, *names_of.CONTEXT, *names_of.SYSTEM, *names_of.ANSWER,
    *names_of.CHOSEN, *names_of.REJECTED, *names_of.TEXT, *names_of.THINKING,
))  # fmt: skip


def odd_remarks(example: Example, texts: Sequence[str]) -> list[Remark]:
    """The remarks on the texts of an example; nearly always none, which is found out at next to no cost."""
    for text in texts:
        if "\\" in text or "<" in text or "INST]" in text or _may_be_garbled(text):
            return [*garbled_remarks(texts), *escaped_remarks(texts), *template_remarks(example, texts)]
    return []


def _may_be_garbled(text: str) -> bool:
    """Whether a text holds one of the marks that every garbled text holds, spelled out where it is ASCII: that is what
    nearly all texts are, and a loop takes three times as long."""
    if text.isascii():
        return "\0" in text or "\x1b" in text or "\x07" in text or "\x08" in text or "_x000D_" in text
    return any(map(text.__contains__, _MARKS))


def garbled_remarks(texts: Sequence[str]) -> Iterator[Remark]:
    """A remark where a text of an example holds letters that stand for others."""
    for text in texts:
        if _may_be_garbled(text) and (match := _GARBLED.search(text)):
            found = match.group()
            shown = found if found.isprintable() else repr(found)[1:-1]
            message = say(
                "The text holds “{found}”, as where a file was read in a wrong encoding or damaged.", found=shown
            )
            fix = say("Save the source anew as UTF-8, or leave the row out.")
            yield Remark("garbled", "warning", message, fix)
            return


def escaped_remarks(texts: Sequence[str]) -> Iterator[Remark]:
    """A remark where a text holds an escape in letters, such as a backslash and an n, as it was escaped twice."""
    for text in texts:
        if "\\" in text and "\n" not in text and (match := _ESCAPED.search(text)):
            escape = match.group().strip(".!?:-*• ")[:6]
            message = say("The text holds “{escape}” in letters, as where it was escaped twice.", escape=escape)
            yield Remark("escaped", "warning", message, say("The model learns to write these letters."))
            return


def template_remarks(example: Example, texts: Sequence[str]) -> Iterator[Remark]:
    """A remark where a message holds a sign of chat templates; in a text that is written out they are in place."""
    if example.messages is None:
        return
    for text in texts:
        if ("<" in text or "INST]" in text) and (match := _TEMPLATE.search(text)):
            message = say(
                "A message holds {token}, a sign of chat templates: the model may take it for the end of a turn.",
                token=match.group(),
            )
            yield Remark("template-token", "warning", message, say("Take it out of the file, or leave the row out."))
            return


def empty_word_remarks(row: Mapping[str, Any], columns: Iterable[str], example: Example) -> Iterator[Remark]:
    """A remark where a cell that is read, or an answer, is a word that is written where there is nothing."""
    for column in _read_columns(tuple(columns)):
        cell = row.get(column)
        if isinstance(cell, str) and len(cell) <= _LONGEST_FOR_EMPTY + 4 and _stands_for_empty(cell):
            yield _empty_word(column, cell)
            return
    for message in example.messages or ():
        if message["role"] == "assistant" and _stands_for_empty(message["content"]):
            yield _empty_word(say("An answer"), message["content"])
            return


@functools.lru_cache(maxsize=1024)  # nearly all rows of a file have the same columns
def _read_columns(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the columns whose texts are read as they stand."""
    return tuple(column for column in columns if column.strip().lower() in _READ)


def _stands_for_empty(text: str) -> bool:
    return len(text) <= _LONGEST_FOR_EMPTY + 4 and text.strip().lower() in _FOR_EMPTY


def _empty_word(what: str, word: str) -> Remark:
    message = say("{what} is “{word}”, as where there is nothing; it is taken as it stands.", what=what, word=word)
    return Remark("empty-word", "warning", message, say("Empty the cell in the file, or leave the row out."))


def lost_system_remarks(row: Mapping[str, Any], column: str, texts: Sequence[Sequence[str]]) -> Iterator[Remark]:
    """A remark where the system message of a column stands in no text, as the conversation has one of its own."""
    cell = row.get(column)
    if not (isinstance(cell, str) and (system := cell.strip())) or cell[:1] in "[{":
        return
    if texts and not any(system in text for own_texts in texts for text in own_texts):
        message = say("{column} is not used: the conversation has a system message of its own.", column=column)
        yield Remark("system-twice", "warning", message, say("Take one of the two out of the file."))
