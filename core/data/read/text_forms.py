"""Plain text that is something else by its looks: an exported chat, questions with answers, a table, subtitles. It is
learned as it stands, line by line or paragraph by paragraph, which is hardly ever what was meant."""

import itertools
import re
from collections.abc import Callable

from core.data.read.source import Problem
from core.text.sentence import Sentence, say

CODE_ENDINGS = frozenset((
    ".py", ".js", ".ts", ".jsx", ".tsx", ".java", ".c", ".h", ".cpp", ".hpp", ".cs", ".go", ".rs", ".rb", ".php",
    ".swift", ".kt", ".scala", ".sh", ".sql", ".r", ".jl", ".lua",
))  # fmt: skip
_WORDS_OF_LINE = 2  # blanks in a line, from which on it may be a part of a sentence
_FEWEST = 2  # lines of a kind, for a text to be of that kind
_CHAT_LINE = re.compile(
    r"^\u200e?\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},?\s+\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[AaPp]\.?\s?[Mm]\.?)?\]?\s*+[-–]?"
    r"\s*+(?!(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b)[^:\n]{1,40}: ",
    re.MULTILINE,
)
_TIMES = re.compile(r"^\s*(?:\d\d:)?\d\d:\d\d[,.]\d{3}\s+-->\s", re.MULTILINE)
_SPEAKER = r"^[#>*_\s]{{0,8}}(?:{names})\s?\d{{0,3}}[*_]{{0,2}}\s?(?::|$)"
_ASKS = re.compile(_SPEAKER.format(names="Q|Question|Frage|User|Human|You|Prompt|Du"), re.MULTILINE | re.IGNORECASE)
_ANSWERS = re.compile(
    _SPEAKER.format(names="A|Answer|Antwort|Assistant|AI|Bot|ChatGPT|Claude|Gemini|Copilot|Response"),
    re.MULTILINE | re.IGNORECASE,
)
_TAG = re.compile(r"</[a-zA-Z][\w:-]*>")
_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*\|")  # below the names of a table in Markdown


def describe_text(head: str, suffix: str) -> Problem | None:
    """What is told of a text that begins with `head`, in a file with this ending, where it looks like something else;
    None where it does not."""
    if suffix in CODE_ENDINGS:
        message = say("This is code; what stands between blank lines is learned as a text of its own.")
        return Problem("looks-like", "warning", 1, message, say("Put each file into one row with the column text."))
    for look, message, fix in _FORMS:
        if look(head):
            return Problem("looks-like", "warning", 1, message, fix)
    return None


def _is_chat(head: str) -> bool:
    return len(_CHAT_LINE.findall(head)) >= _FEWEST


def _are_subtitles(head: str) -> bool:
    return len(_TIMES.findall(head)) >= _FEWEST


def _are_answers(head: str) -> bool:
    """Whether questions and answers stand in texts of their own; those within one are told when it is looked at."""
    if len(_ASKS.findall(head)) < _FEWEST or len(_ANSWERS.findall(head)) < _FEWEST:
        return False
    parts = re.split(r"\n\s*\n", head) if "\n\n" in head.strip() else head.splitlines()
    return not any(_ASKS.search(part) and _ANSWERS.search(part) for part in parts)


def _is_markup(head: str) -> bool:
    return head.lstrip().startswith("<") and len(_TAG.findall(head)) >= _FEWEST


def _is_table(head: str) -> bool:
    """Whether all lines have as many tabs, or it begins as a table in Markdown does."""
    lines = [line for line in head[: head.rfind("\n") + 1].splitlines() if line.strip()]
    if len(lines) >= _FEWEST and _RULE.match(lines[1]):
        return True
    return len(lines) >= _FEWEST and len({line.count("\t") for line in lines}) == 1 and "\t" in lines[0].strip()


def _is_broken(head: str) -> bool:
    """Whether lines end in the middle of sentences: many begin with a small letter behind words without a full stop."""
    lines = [line.strip() for line in head[: head.rfind("\n") + 1].splitlines() if line.strip()]
    if "\n\n" in head.strip() or len(lines) < 4:
        return False
    broken = sum(
        line[0].islower() and before.count(" ") >= _WORDS_OF_LINE and (before[-1].isalpha() or before[-1] in ",;")
        for before, line in itertools.pairwise(lines)
    )
    return 3 * broken >= len(lines)


_FORMS: tuple[tuple[Callable[[str], bool], Sentence, Sentence], ...] = (
    (
        _is_chat,
        say("This looks like the export of a chat; its lines are learned as texts, with names and times."),
        say("Make rows of it with a list named messages, and say who is the user and who the assistant."),
    ),
    (
        _are_subtitles,
        say("This looks like subtitles; their times are learned as well."),
        say("Save the text without them."),
    ),
    (
        _are_answers,
        say("These look like questions and answers; each is learned as a text of its own."),
        say("Make a table of it with the columns question and answer: then only the answers are learned."),
    ),
    (
        _is_markup,
        say("This looks like HTML or XML; its tags are learned as well."),
        say("Save its text alone."),
    ),
    (
        _is_table,
        say("This looks like a table; its lines are learned as texts."),
        say("Save it as .tsv or .csv, with names such as question and answer in the first line."),
    ),
    (
        _is_broken,
        say("The lines look broken in the middle of sentences; each is learned as a text of its own."),
        say("Put blank lines between the paragraphs: then those are the texts."),
    ),
)
