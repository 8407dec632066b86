"""The events of a run, read from its events.jsonl, and what is damaged in the file. No Qt."""

import json
from collections.abc import Iterator
from pathlib import Path

from app.desktop.language import tr, tr_count
from core.events import KINDS, Event, from_json

_LATEST = 1e11  # seconds since 1970 that a clock can show


class EventLog:
    """Iterates over the events of a file. Once it is read, `damage` says what was damaged, "" if nothing was, and
    `start_time` when the first event was, None if there is none.

    The last line may be cut off, as by a crash, and kinds of events that are not known may come from a newer version:
    both are left out and are no damage.
    """

    def __init__(self, path: Path, beginnings: tuple[str, ...] = ()) -> None:
        """Where `beginnings` are given, only lines that begin with one of them are given, and no others read but for
        `start_time`."""
        self._path, self._beginnings = path, beginnings
        self.start_time: float | None = None
        self._bad_lines: list[int] = []
        self._reason = ""  # why the file cannot be read at all

    def __iter__(self) -> Iterator[Event]:
        self._bad_lines, self.start_time = [], None
        try:
            with self._path.open(encoding="utf-8", errors="replace") as file:
                for number, line in enumerate(file, 1):
                    is_wanted = not self._beginnings or line.startswith(self._beginnings)
                    if not is_wanted and self.start_time is not None:
                        continue
                    event = _read_event(line)
                    if event is not None and self.start_time is None:
                        self.start_time = event.time
                    if not is_wanted:
                        continue
                    if event is not None:
                        yield event
                    elif line.endswith("\n") and not _is_of_unknown_kind(line):
                        self._bad_lines.append(number)
        except FileNotFoundError:
            return  # a run that was stopped before its first event
        except OSError as error:
            self._reason = tr("{name} cannot be read: {reason}.", name=self._path.name, reason=error)

    @property
    def damage(self) -> str:
        """A sentence about what is damaged, or ""."""
        if self._reason or not self._bad_lines:
            return self._reason
        others = len(self._bad_lines) - 1
        more = tr_count(", nor can {count:,} other", ", nor can {count:,} others", others) if others else ""
        return tr(
            "Line {line:,} of {name} is no event and cannot be read{more}.",
            line=self._bad_lines[0],
            name=self._path.name,
            more=more,
        )


def _read_event(line: str) -> Event | None:
    try:
        event = from_json(line)
    except ValueError:
        return None
    return event if 0 <= event.time < _LATEST else None


def _is_of_unknown_kind(line: str) -> bool:
    if not line.strip():
        return True
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return False
    kind = values.get("event") if isinstance(values, dict) else None
    return isinstance(kind, str) and kind not in KINDS
