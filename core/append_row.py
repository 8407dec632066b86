"""Add rows to a person's own JSONL file: an answer as it should have been, as a conversation or a preference pair.

Nothing that the file holds is changed: a row is one line at its end, written whole or taken back.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import BadData
from core.files.file_errors import explain
from core.text.sentence import say, shorten

Messages = Sequence[dict[str, str]]
_FIRST_BYTES = 1 << 22  # of a file, in which its first row has to end


def append_conversation(path: Path, messages: Messages) -> None:
    """Add a conversation, {"messages": [...]}, to a file of such rows, or to a new one.

    Raises BadData for a file of other rows, Unavailable where it cannot be written.
    """
    row = _read_first_row(path)
    if row is not None and not isinstance(row.get("messages"), list):
        raise _misfit(path, row, say("“messages”, each with a list"))
    _append(path, {"messages": list(messages)})


def append_pair(path: Path, messages: Messages, chosen: str, rejected: str) -> None:
    """Add a preference pair to a file of such rows, or to a new one: `messages` with a better and a worse answer.

    The prompt and the answers are texts or lists of messages, whichever the file has; in a new file lists where the
    conversation is more than one question. Raises BadData for a file of other rows, Unavailable where it cannot be
    written.
    """
    row = _read_first_row(path)
    if row is not None and not {"prompt", "chosen", "rejected"} <= row.keys():
        raise _misfit(path, row, say("“prompt”, “chosen” and “rejected”"))
    is_one_question = [message["role"] for message in messages] == ["user"]
    as_text = is_one_question if row is None else isinstance(row["prompt"], str)
    if as_text and not is_one_question:
        raise BadData(
            say(
                "{name} has its prompts as texts, and this conversation is more than one question: choose a new file.",
                name=path.name,
            )
        )
    if as_text:
        _append(path, {"prompt": messages[0]["content"], "chosen": chosen, "rejected": rejected})
        return
    answers = ([{"role": "assistant", "content": text}] for text in (chosen, rejected))
    _append(path, {"prompt": list(messages), **dict(zip(("chosen", "rejected"), answers, strict=True))})


def _misfit(path: Path, row: dict[str, Any], needed: str) -> BadData:
    names = ", ".join(map(str, list(row)[:6]))
    return BadData(
        say(
            "{name} has rows of another kind ({names}): here its rows need {needed}.",
            name=path.name,
            names=shorten(names),
            needed=needed,
        )
    )


def _read_first_row(path: Path) -> dict[str, Any] | None:
    """The first row of a file; None where there is no file yet, or an empty one."""
    if path.suffix != ".jsonl":
        raise BadData(say("{name} is no .jsonl file, and only to those a row can be added.", name=path.name))
    if not path.exists():
        return None
    with explain(path), path.open("rb") as file:
        start = file.read(_FIRST_BYTES)
    for number, line in enumerate(start.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            raise BadData(
                say(
                    "{name}, line {number}: this is no row of a JSONL file, so nothing is added to it.",
                    name=path.name,
                    number=number,
                )
            )
        return row
    return None


def _append(path: Path, row: dict[str, Any]) -> None:
    """Write a line at the end of a file; what could be written of it is taken back where not all of it could."""
    line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
    with explain(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            try:
                while line:
                    line = line[os.write(descriptor, line) :]
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        finally:
            os.close(descriptor)
