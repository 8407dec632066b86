"""Plain text that is something else by its looks: an exported chat, questions with answers, a table, subtitles. It is
learned as it stands, line by line or paragraph by paragraph, which is hardly ever what was meant."""

import itertools
import re
from collections import Counter
from collections.abc import Callable

from core.data.read.source import Problem
from core.text.sentence import Sentence, say

CODE_ENDINGS = frozenset((
    ".py", ".js", ".ts", ".jsx", ".tsx", ".java", ".c", ".h", ".cpp", ".hpp", ".cs", ".go", ".rs", ".rb", ".php",
    ".swift", ".kt", ".scala", ".sh", ".sql", ".r", ".jl", ".lua",
))  # fmt: skip
_WORDS_OF_LINE = 2  # blanks in a line, from which on it may be a part of a sentence
_MOST_SPEAKERS = 8
_FEWEST = 2  # lines of a kind, for a text to be of that kind
_CHAT_LINE = re.compile(
    r"^\u200e?\[?\d{1,4}[./-]\d{1,2}[./-]\d{1,4},?\s+\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[AaPp]\.?\s?[Mm]\.?)?\]?\s*+[-–]?"
    r"\s*+(?!(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b)[^:\n]{1,40}: ",
    re.MULTILINE,
)
# A line of its own that says when, or when and by whom, as chats of iMessage and Discord have in text.
_CHAT_HEADING = re.compile(
    r"^(?:[A-Z][a-z]{2} \d{1,2}, \d{4}\s+\d{1,2}:\d\d:\d\d\s[AP]M\b.*"
    r"|\[\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}:\d\d(?:\s?[AP]M)?\] \S.{0,40})$",
    re.MULTILINE,
)
_TIMES = re.compile(r"^\s*\[?(?:\d\d:)?\d\d:\d\d[,.]\d{3}\s+-->\s|^\d{1,2}(?::\d\d){1,2}$", re.MULTILINE)
_MAIL = re.compile(
    r"^(?:From|To|Cc|Subject|Date|Message-ID|Return-Path|Received|MIME-Version|Content-Type): ", re.MULTILINE
)
_FEWEST_HEADINGS = 3  # of a mail, in its first lines
# What begins with a name, as in "Anna: Hi".
_NAMED = re.compile(r"^[*_#>\s]{0,5}((?![a-z])[^\W\d_][\w .'-]{0,30}?)[*_]{0,2}(?::[*_]{0,2}\s+|：)\S", re.MULTILINE)
_BOOK = "*** START OF TH"  # in every book of Project Gutenberg
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
    return any(len(form.findall(head)) >= _FEWEST for form in (_CHAT_LINE, _CHAT_HEADING))


def _is_mail(head: str) -> bool:
    first = head.lstrip().partition("\n\n")[0]
    return len(set(_MAIL.findall(first))) >= _FEWEST_HEADINGS


def _has_front_matter(head: str) -> bool:
    return head.startswith("---\n") and "\n---\n" in head


def _is_book(head: str) -> bool:
    return _BOOK in head


def _is_dialogue(head: str) -> bool:
    """Whether most lines that are not blank begin with the name of one of a few who speak in turn."""
    if _ASKS.search(head) and _ANSWERS.search(head):  # which is told when it is looked at
        return False
    paragraphs = [tuple(_NAMED.findall(part)) for part in re.split(r"\n\s*\n", head) if part.strip()]
    if len(paragraphs) > 1 and len(set(paragraphs)) == 1 and len(paragraphs[0]) > 1:  # a form that is filled in anew
        return False
    lines = [line for line in head[: head.rfind("\n") + 1].splitlines() if line.strip()]
    counts = Counter(match[1] for line in lines if (match := _NAMED.match(line)))
    often = [count for count in counts.values() if count >= _FEWEST]
    return len(often) >= _FEWEST and 2 * sum(often) > len(lines) and len(often) <= _MOST_SPEAKERS


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
        _is_mail,
        say("These look like e-mails; who wrote them when, and to whom, is learned as well."),
        say("Save the text of the mails alone."),
    ),
    (
        _has_front_matter,
        say("The text begins with front matter between lines of ---, which is learned as well."),
        say("Take it out where it is not meant."),
    ),
    (
        _is_book,
        say("This is a book of Project Gutenberg; its license, before and behind it, is learned as well."),
        say("Take out what stands up to the line with START, and from the line with END on."),
    ),
    (
        _is_dialogue,
        say("The lines begin with names, as in a conversation; these are learned as well, each line as a text."),
        say("Make rows of it with a list named messages, and say who is the user and who the assistant."),
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
