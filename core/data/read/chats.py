"""Chats between people, as apps for messages export them: one long list of messages, made conversations of.

A conversation ends where nobody wrote for a while. What an app says by itself, and what is no text, is left out and
counted. Who of the people is the assistant, the file does not say: see core.data.format.assistant.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from core.data.read.source import FILE_START, Piece, Position, Problem, Source
from core.text.sentence import join_and, say

PAUSE_HOURS = 8  # after which a conversation is over
_PAUSE = PAUSE_HOURS * 3600
LONGEST = 4000  # characters of a conversation, which is broken at its longest pause beyond: about 1,000 tokens
_AROUND = 30  # characters of a chat template around a message, about
_MOST_NAMES = 8  # of people, in a sentence

# Why a message is left out.
NO_WORDS = say("without a person's words (pictures, voice messages, notices of the app)")
DELETED = say("deleted")
FORWARDED = say("forwarded from others")


class Said(NamedTuple):
    """One message."""

    speaker: str
    text: str
    time: float  # seconds since some day, which is the same for all messages of a file; NaN where it is not known
    position: Position = FILE_START  # in the file, of a chat that is text


class Chat:
    """Counts what a chat holds, while its messages are read.

    people   (account, name, or "" where it is not told) of all who speak, where the file tells accounts: of several
             with the same name each gets the account behind it
    """

    def __init__(self, people: Iterable[tuple[str, str]] = ()) -> None:
        self._names = {account: name for account, name in people if name}
        self._shared = Counter(name.lower() for name in self._names.values())
        self.messages: Counter[str] = Counter()  # of each speaker
        self.left_out: Counter[str] = Counter()  # by reason

    def name(self, account: str) -> str:
        """What somebody is called here, and nobody else."""
        name = self._names.get(account, account)
        return f"{name} ({account})" if self._shared[name.lower()] > 1 else name

    def conversations(self, messages: Iterable[Said]) -> Iterator[list[Said]]:
        """The messages in groups, none of them empty. One that begins with any of the groups gives the same ones."""
        group: list[Said] = []
        length = 0
        for message in messages:
            self.messages[message.speaker] += 1
            if group and message.time - group[-1].time > _PAUSE:
                yield group
                group, length = [], 0
            group.append(message)
            length += _size(message)
            while length > LONGEST and len(group) > 1:
                end = _longest_pause(group)
                yield group[:end]
                group = group[end:]
                length = sum(map(_size, group))
        if group:
            yield group

    def problems(self, line: int | None) -> Iterator[Problem]:
        """What is told of the chat once it is read."""
        names = [say("{name} ({count:,})", name=name, count=count) for name, count in self.messages.most_common()]
        names = names if len(names) <= _MOST_NAMES else [*names[: _MOST_NAMES - 1], say("others")]
        message = say(
            "A chat with messages by {names}; conversations end at pauses of {hours} h, or about {characters:,} "
            "characters.",
            names=join_and(names) or say("nobody"),
            hours=PAUSE_HOURS,
            characters=LONGEST,
        )
        yield Problem("chat", "note", line, message)
        if self.left_out:
            reasons = [say("{count:,} {reason}", count=count, reason=reason) for reason, count in self.left_out.items()]
            message = say("Of the chat these messages are left out: {reasons}.", reasons=join_and(reasons))
            yield Problem("not-shown", "warning", line, message, say("The model learns without them."))


def read_conversations(
    data_file: Source, messages: Callable[[Source, Chat, list[Problem]], Iterator[Said]]
) -> Iterator[Piece]:
    """(line, {"messages": […]}) of each conversation of a chat that is read line by line, and what is told of it.
    `messages` gives every message, with its position, and puts into the list what is wrong with the lines."""
    chat, problems = Chat(), list[Problem]()
    for group in chat.conversations(messages(data_file, chat, problems)):
        yield from problems
        problems.clear()
        here, data_file.row_start = data_file.row_start, group[0].position
        yield group[0].position[1], as_row(group)
        data_file.row_start = here
    yield from problems
    if data_file.begin == FILE_START:
        yield from chat.problems(1)


def as_row(group: Iterable[Said]) -> dict[str, Any]:
    """A conversation as a row with named speakers."""
    return {"messages": [{"role": said.speaker, "content": said.text} for said in group]}


def seconds(date: str) -> float:
    """The time of a date in the form of ISO 8601; NaN where it is none."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return math.nan
    return (moment.replace(tzinfo=None) - (moment.utcoffset() or timedelta()) - datetime(1970, 1, 1)).total_seconds()


def _size(message: Said) -> int:
    """About how many characters a message takes, with what a chat template writes around it."""
    return len(message.text) + _AROUND


def _longest_pause(group: list[Said]) -> int:
    """Where the second half of a group has its longest pause, behind an answer where that is known: the number of
    messages before it."""

    def rank(end: int) -> tuple[float, bool, int]:
        pause = group[end].time - group[end - 1].time
        return (0.0 if math.isnan(pause) else pause, group[end].speaker == "user", end)

    return max(range(max(1, len(group) // 2), len(group)), key=rank)
