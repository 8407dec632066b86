"""A data file as a stream of rows and findings, at flat memory. The file is only ever read."""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.data.read import (
    arrow,
    chats,
    discord,
    json_text,
    meta,
    parquet,
    sillytavern,
    source,
    tables,
    telegram,
    whatsapp,
)
from core.data.read.json_tables import rows_of_table
from core.data.read.passages import rows_of, rows_of_list
from core.errors import BadData
from core.text.sentence import join_and, say, shorten

_WRAPPERS = (
    "train", "training", "data", "rows", "examples", "items", "records", "dataset", "samples", "entries", "results",
)  # fmt: skip  # {"data": [{…}, {…}]}
_HELD_OUT = ("validation", "valid", "val", "dev", "eval", "test", "testing")  # the first of them, beside such a list
# What may stand beside such a list: other parts, and what is said of all rows.
_ABOUT_ROWS = {
    *_WRAPPERS, *_HELD_OUT,
    "version", "name", "title", "description", "license", "author", "info", "meta", "metadata", "date", "created",
    "language", "url", "count", "total", "num_rows", "features", "schema", "num_rows_total", "num_rows_per_page",
    "partial", "status", "success",
}  # fmt: skip

_OF_CHAT_APPS = frozenset(("chats", "type", "channel", "participants"))  # of these, each export of such an app has one
_SESSIONS = ("conversation_id", "conv_id", "session_id", "thread_id", "chat_id", "dialog_id", "dialogue_id")
_MOST_MESSAGES = 10_000  # of a conversation that is a file by itself

MAX_LISTED = 1000  # findings of each code that are listed; beyond that they are counted

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Row:
    """One row as it stands in the file. `line` is the physical line on which it starts, counted from 1; in a Parquet
    file, which has no lines, the number of the row."""

    line: int
    value: dict[str, Any]
    unmapped: dict[str, Any] | None = None  # the value as it stands in the file, where its columns were mapped


@dataclass(frozen=True)
class Finding:
    """Something that is wrong or odd about the data. An error means that the row is left out."""

    code: str  # stable, for counting and for choosing what to fix
    severity: Severity
    file: str
    line: int | None  # counted from 1; None for a finding about a whole file
    message: str  # one sentence
    fix: str | None = None  # what Hone did or can do about it, where it can
    row: int | None = None  # the number of its row, counted from 1 over all files, where it is about one row

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", shorten(self.message))

    def __str__(self) -> str:
        if self.line:
            where = {"file": self.file, "line": self.line, "message": self.message}
            return shorten(say("{file}, line {line}: {message}", **where))
        return shorten(say("{file}: {message}", file=self.file, message=self.message))


def text_length(value: Any) -> int:
    """About how many characters a value takes, as JSON."""
    if isinstance(value, (str, bytes)):  # for every cell: as a union it would be made anew each time
        return len(value) + 4
    if isinstance(value, dict):
        return sum(text_length(key) + text_length(inner) for key, inner in value.items()) + 4
    return sum(map(text_length, value)) + 4 if isinstance(value, list | tuple) else 8


def sort_findings(findings: Iterable[Finding], files: Sequence[str]) -> list[Finding]:
    """The findings by file, in the order of `files`, and by line; those about a whole file before those about lines."""
    order = {file: n for n, file in enumerate(files)}
    return sorted(findings, key=lambda f: (order[f.file], f.line or 0))


def read_rows(path: str | Path) -> Iterator[Row | Finding]:
    """Every row of a JSONL, JSON, CSV, TSV, Parquet or text file, and what is wrong with it, in the file's order.

    Raises BadData when there is no such file, it is empty or no data; Unavailable when it cannot be read. Both
    are raised by the call itself, before the first row; later only when reading breaks off half-way.
    """
    return iterate_rows(source.Source(Path(path)))


_READ_SO = say("It is read as JSON.")


def iterate_rows(data_file: source.Source, *, held_out: bool = False) -> Iterator[Row | Finding]:
    """read_rows() for a Source, from its position on; `data_file.row_start` tells where each row's value begins.

    With `held_out` the rows are those that an object such as {"train": […], "test": […]} sets aside.
    """
    file = str(data_file.path)
    if data_file.has_bom and data_file.begin == source.FILE_START:
        yield Finding("bom", "note", file, 1, say("The file starts with a byte order mark."), say("It is skipped."))
    if data_file.columnar is None and data_file.begin == source.FILE_START:
        if data_file.named_otherwise == "JSON":
            yield Finding("json-text", "note", file, 1, say("The file holds JSON, whatever it is called."), _READ_SO)
        elif data_file.named_otherwise == "table":
            yield Finding("table-text", "note", file, 1, say("The file holds a table, whatever it is called."))
    try:
        pieces = _join_sessions(data_file, _read_pieces(data_file))
        for piece in _join_single_messages(data_file, pieces):
            if isinstance(piece, source.Problem):
                yield _as_finding(piece, file)
                continue
            line, value = piece
            if isinstance(value, dict) and (chat_app := _chat_app(value)):
                for item in _read_chats(*chat_app, line):
                    yield Row(line, item) if isinstance(item, dict) else _as_finding(item, file)
                continue
            rows, unread = _unwrap(value, data_file, held_out)
            if data_file.held_out_part and not held_out:
                message = say(
                    "The rows of {part} are the validation data, where no other is given.",
                    part=data_file.held_out_part,
                )
                yield Finding("held-out", "note", file, line, message)
            if unread:
                message = say("Of the file, the rows of {unread} are not read.", unread=unread)
                yield Finding("unread", "warning", file, line, message, say("Save it as a file of its own to use it."))
            for row in rows:
                if row is None:
                    message = say("This is {value}, not an object with named columns.", value=_describe_type(value))
                    fix = say("Name what it holds, as in {example}.", example='{"question": "…", "answer": "…"}')
                    yield Finding("not-a-row", "error", file, line, message, fix)
                else:
                    yield Row(line, row)
    except source.READ_ERRORS as error:
        raise source.unreadable_error(data_file.path, error) from None
    if not data_file.has_text and data_file.begin == source.FILE_START:
        raise BadData(say("{file} holds only blank lines.", file=file))


def _as_finding(problem: source.Problem, file: str) -> Finding:
    return Finding(problem.code, problem.severity, file, problem.line, problem.message, problem.fix)


def _chat_app(value: dict[str, Any]) -> tuple[Any, list[list[dict[str, Any]]]] | None:
    """(the app, the messages of each chat) of an object that an app for messages exports; None for any other."""
    if value.keys().isdisjoint(_OF_CHAT_APPS):  # nearly every row
        return None
    found = ((app, app.lists_of_messages(value)) for app in (telegram, discord, meta))
    return next(((app, listed) for app, listed in found if listed), None)


def _read_chats(app: Any, listed: list[list[dict[str, Any]]], line: int) -> Iterator[dict[str, Any] | source.Problem]:
    """Each conversation of chats as a row, and at the end what is told of them."""
    chat = chats.Chat(app.person(message) for messages in listed for message in messages)
    for messages in listed:
        yield from map(chats.as_row, chat.conversations(app.messages(messages, chat)))
    yield from chat.problems(line)


def _join_single_messages(data_file: source.Source, pieces: Iterable[source.Piece]) -> Iterator[source.Piece]:
    """The pieces of a file; one conversation where the file is an array of nothing but its messages."""
    if data_file.begin != source.FILE_START or data_file.detect_form() != "values":
        yield from pieces
        return
    remaining = iter(pieces)
    messages: list[tuple[source.Position, source.Piece]] = []
    for piece in remaining:
        messages.append((data_file.row_start, piece))
        if len(messages) > _MOST_MESSAGES or not _is_message(piece):
            break
    else:
        if len(messages) > 1 and not isinstance(messages[0][1], source.Problem):
            data_file.row_start = messages[0][0]
            yield messages[0][1][0], [piece[1] for _, piece in messages if not isinstance(piece, source.Problem)]
            return
    for position, piece in messages:
        data_file.row_start = position
        yield piece
    yield from remaining


def _join_sessions(data_file: source.Source, pieces: Iterable[source.Piece]) -> Iterator[source.Piece]:
    """The pieces of a file; one conversation of messages that follow each other and name the same one."""
    session, messages = "", list[Any]()
    begin, line, told = data_file.begin, 1, data_file.begin != source.FILE_START
    for piece in itertools.chain(pieces, [None]):
        if isinstance(piece, source.Problem):
            yield piece
            continue
        if piece and not messages and not _is_message(piece):  # nearly every row
            yield piece
            continue
        name = _session_of(piece) if piece else ""
        if messages and (name != session or len(messages) >= _MOST_MESSAGES):
            here, data_file.row_start = data_file.row_start, begin
            yield line, messages
            data_file.row_start, messages = here, []
        if name and piece:
            if not told:
                message = say("Messages that follow each other and name the same conversation are read as one.")
                yield source.Problem("joined", "note", piece[0], message)
                told = True
            if not messages:
                session, begin, line = name, data_file.row_start, piece[0]
            messages.append(piece[1])
        elif piece:
            yield piece


def _session_of(piece: source.Piece) -> str:
    """What a message names as its conversation; "" for one that does not, and for anything else."""
    if not _is_message(piece) or isinstance(piece, source.Problem):
        return ""
    column = next((name for name in _SESSIONS if name in piece[1]), "")
    return f"{column}={piece[1][column]}" if column else ""


def _is_message(piece: source.Piece) -> bool:
    value = None if isinstance(piece, source.Problem) else piece[1]
    if not isinstance(value, dict):
        return False
    speaker = value.get("role") if "content" in value else value.get("from") if "value" in value else None
    return isinstance(speaker, str)


def _read_pieces(data_file: source.Source) -> Iterable[source.Piece]:
    """(line, value) of each row, and what is wrong in between, in whatever form the file is written."""
    form = data_file.detect_form()
    if form == "lines" and sillytavern.is_chat(data_file.head):
        return sillytavern.read_chat(data_file)
    if form == "lines":
        return json_text.read_json_lines(data_file)
    if form == "values":
        return json_text.read_json_values(data_file)
    if form == "parquet":
        return parquet.read_parquet(data_file)
    if form == "arrow":
        return arrow.read_arrow(data_file)
    if form == "table":
        return tables.read_table(data_file)
    if whatsapp.is_chat(data_file.head):
        return whatsapp.read_chat(data_file)
    return tables.read_paragraphs(data_file)


def _unwrap(value: Any, data_file: source.Source, held_out: bool) -> tuple[list[dict[str, Any] | None], str]:
    """(the rows that a value holds, what of it is not read): nearly always one row and nothing; many where it is an
    object around a list of them, such as {"train": [{…}, {…}], "test": […]}. What it sets aside is noted in
    `data_file`, and is what is read with `held_out`."""
    table = rows_of_table(value) if isinstance(value, dict) else None
    if table is not None:
        return [] if held_out else list(table), ""
    if isinstance(value, dict) and not value.keys() <= _ABOUT_ROWS:
        return [] if held_out else list(rows_of(value)), ""
    members = value.items() if isinstance(value, dict) else ()
    lists = {name: rows_of_list(v) for name, v in members if _is_list_of_rows(v)}
    name = next((name for name in _WRAPPERS if name in lists), None)
    if name is None:
        return [] if held_out else [_columns_of(value)], ""
    data_file.held_out_part = part = next((part for part in _HELD_OUT if part in lists), "")
    if held_out:
        return list(lists[part]) if part else [], ""
    others = (
        say("{name} ({rows:,})", name=other, rows=len(rows))
        for other, rows in lists.items()
        if other not in (name, part)
    )
    return list(lists[name]), join_and(list(others))


def _is_list_of_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _columns_of(value: Any) -> dict[str, Any] | None:
    """A row's columns. A bare text is taken as plain text, a bare list of messages as a conversation."""
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return _inside_text(value) or {"text": value}
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        return {"messages": value}
    return None


def _inside_text(text: str) -> dict[str, Any] | None:
    """The row that a text holds as JSON, as where each was written twice as such; None for any other text."""
    if not (text.startswith("{") and text.rstrip().endswith("}")):
        return None
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and row else None


def _describe_type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return say("true or false")
    if isinstance(value, int | float):
        return say("a number")
    return say("a list") if isinstance(value, list) else json.dumps(value)[:40]
