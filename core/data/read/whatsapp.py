"""A chat that WhatsApp exports as text: its lines begin with day, time and name, in the form of the phone's language.

From an iPhone "[14.03.24, 18:02:11] Anna: Hi", from others "3/14/24, 6:02 PM - Anna: Hi". Lines without them belong to
the message before. A mark that cannot be seen (U+200E) stands before what an iPhone's app says by itself.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from core.data.read import chats
from core.data.read.chats import Chat, Said
from core.data.read.source import FILE_START, Piece, Problem, Source

_MARKS = "\u200e\u200f\u202a\u202c\ufeff"
_BLANK = _MARKS + " \n\t\u00a0\u202f"
_STAMP = re.compile(
    rf"[{_MARKS}]*(?P<bracket>\[)?(?P<a>\d{{1,4}})[{_MARKS}]*[./-]\s?(?P<b>\d{{1,2}})[{_MARKS}]*[./-]\s?(?P<c>\d{{1,4}})\.?[,،]?\s+"
    r"(?:(?:à|klo|um|kl\.?)\s+)?(?P<before>[^\W\d]{2}\s?)?(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2}))?"
    r"(?P<half>\s?[^\W\d](?:[^\W\d]|[. \u00a0]){0,6}?)?(?(bracket)\]\s|\s[-–]\s)"
)
_AFTERNOON = ("p", "下", "午後", "오후", "م", "μ", "du")  # what stands beside hours behind noon begins so
_NAME = re.compile(rf"[{_MARKS}]*(?P<name>[^:\"“”„«»\n]{{1,60}}?)\s?:\s(?P<text>.*)", re.DOTALL)
_MEDIA = re.compile(r"<[^<>\n]{3,60}>|null|\S[^\n]{0,80}\.\w{2,4} (?:\([^()\n]{3,40}\)|•)")
_EDITED = re.compile(
    r"\s*<(?:This message was edited|Diese Nachricht wurde bearbeitet|Se editó este mensaje|Ce message a été modifié"
    r"|Questo messaggio è stato modificato|Mensagem editada|Dit bericht is bewerkt)\.?>\s*$"
)
_BY_APP = re.compile(r"(?:\s*\u200e[^\u200e\n]{1,80})+$")  # behind, or in the place of, what a person says
_LOG_LEVEL = re.compile(r"(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL)\b")
_DELETED = re.compile(
    r"(?:You deleted this message|This message was deleted|Du hast diese Nachricht gelöscht"
    r"|Diese Nachricht wurde gelöscht|Se eliminó este mensaje|Eliminaste este mensaje|Ce message a été supprimé"
    r"|Vous avez supprimé ce message|Hai eliminato questo messaggio|Questo messaggio è stato eliminato"
    r"|Mensagem apagada|Você apagou esta mensagem|Dit bericht is verwijderd|U hebt dit bericht verwijderd)\.?"
)
_FEWEST = 2  # lines with day, time and name, from which on a text is a chat, and people who speak in it
_SECOND = re.compile(r"[^:<>\"\n]{1,40}: ")  # what stands between two colons
_ALWAYS = 3  # messages that begin alike, from which on that is a part of the name


def is_chat(head: str) -> bool:
    """Whether a text that begins with `head` is such a chat."""
    lines = [line for line in head.splitlines() if line.strip()]
    if not lines or not _STAMP.match(lines[0]):
        return False
    said = list(_said_in(lines))
    names = {match["name"] for match in said}  # of one alone, it is a diary, minutes or the like
    return len(names) >= _FEWEST and not any(_LOG_LEVEL.search(match.string) for match in said[:_FEWEST])


def read_chat(data_file: Source) -> Iterator[Piece]:
    """(line, {"messages": […]}) of each conversation, and at the end what is told of the chat."""
    yield from chats.read_conversations(data_file, _messages)


def _messages(data_file: Source, chat: Chat, problems: list[Problem]) -> Iterator[Said]:
    """Every message with its text; what is left out goes to the chat."""
    order, long_names = _order_of_date(data_file.head), _names_with_colon(data_file.head)
    stamp: re.Match[str] | None = None
    lines: list[str] = []  # of one message
    position = FILE_START
    for item in data_file.lines():
        if isinstance(item, Problem):
            problems.append(item)
            continue
        number, line = item
        if not (match := _STAMP.match(line)):
            lines.append(line)
            continue
        if said := _said(stamp, lines, order, position, chat):
            yield _with_whole_name(said, long_names)
        stamp, lines, position = match, [line], (data_file.row_start[0], number)
    if said := _said(stamp, lines, order, position, chat):
        yield _with_whole_name(said, long_names)


def _said_in(lines: Iterable[str]) -> Iterator[re.Match[str]]:
    """The name and text of each line that begins with day, time and name."""
    for line in lines:
        if (stamp := _STAMP.match(line)) and (match := _NAME.match(line, stamp.end())):
            yield match


def _names_with_colon(head: str) -> dict[str, str]:
    """{name up to its colon: what follows in it} of people all of whose messages begin alike, such as "Dr: Who: Hi"."""
    seconds = defaultdict[str, list[str]](list)
    for match in _said_in(head.splitlines()):
        second = _SECOND.match(match["text"])
        seconds[_clean_name(match)].append(second[0] if second else "")
    alike = {name: found for name, found in seconds.items() if len(found) >= _ALWAYS and len({*found}) == 1}
    return {name: found[0] for name, found in alike.items() if found[0]}


def _with_whole_name(said: Said, long_names: dict[str, str]) -> Said:
    second = long_names.get(said.speaker, "")
    if not second or not said.text.startswith(second):
        return said
    return said._replace(speaker=f"{said.speaker}: {second[:-2]}", text=said.text.removeprefix(second))


def _clean_name(match: re.Match[str]) -> str:
    return match["name"].strip(_BLANK + "~")


def _said(
    stamp: re.Match[str] | None, lines: list[str], order: str, position: tuple[int, int], chat: Chat
) -> Said | None:
    """The message that these lines hold, the first of them with the stamp; None for one that is left out."""
    if stamp is None:
        return None
    match = _NAME.match("\n".join(lines), stamp.end())
    first, _, others = match["text"].partition("\n") if match else ("", "", "")
    first = _BY_APP.sub("", _EDITED.sub("", first)).strip(_BLANK)
    text = "\n".join(["" if _MEDIA.fullmatch(first) else first, _BY_APP.sub("", _EDITED.sub("", others))]).strip(_BLANK)
    if match is None or not text:
        chat.left_out[chats.NO_WORDS] += 1
        return None
    if _DELETED.fullmatch(text):
        chat.left_out[chats.DELETED] += 1
        return None
    return Said(_clean_name(match), text, _time(stamp, order), position)


def _order_of_date(head: str) -> str:
    """In which order year, month and day stand: "ymd", "dmy" or "mdy". Where days do not tell, only America, which
    has AM and PM behind a slash, begins with the month."""
    stamps = [match for line in head.splitlines() if (match := _STAMP.match(line))]
    if any(len(stamp["a"]) == 4 for stamp in stamps):
        return "ymd"
    if any(int(stamp["a"]) > 12 for stamp in stamps):
        return "dmy"
    if any(int(stamp["b"]) > 12 for stamp in stamps):
        return "mdy"
    return "mdy" if any(stamp["half"] and "/" in stamp[0] for stamp in stamps) else "dmy"


def _time(stamp: re.Match[str], order: str) -> float:
    """Seconds; NaN where the stamp is no day and time."""
    parts = {part: int(stamp[group]) for part, group in zip(order, "abc", strict=True)}
    year = parts["y"] + 2000 if parts["y"] < 100 else parts["y"]
    hour = int(stamp["hour"])
    if half := (stamp["half"] or stamp["before"] or "").strip().lower():
        hour = hour % 12 + 12 * half.startswith(_AFTERNOON)
    try:
        moment = datetime(year, parts["m"], parts["d"], hour, int(stamp["minute"]), int(stamp["second"] or 0))
    except ValueError:
        return math.nan
    return (moment - datetime(1970, 1, 1)).total_seconds()
