"""Notes that Anki exports as text: a table without names, below lines such as "#separator:tab" that say how it is
written. See https://docs.ankiweb.net/importing/text-files.html#file-headers."""

import re
from typing import NamedTuple

_SETTING = re.compile(r"#([a-z ]+):(.*)\n")
_SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "colon": ":", "space": " "}
_ABOUT_NOTE = ("guid", "notetype", "deck", "tags")  # columns of which "#tags column:3" says where they stand
_MOST_COLUMNS = 100


class Notes(NamedTuple):
    """How such a table is written."""

    separator: str
    lines: int  # above the first note
    names: tuple[str, ...]  # of its columns
    head: str  # the beginning of the table itself


def read_settings(head: str) -> Notes | None:
    """What the lines say above the notes of a file that begins with `head`; None for any other file."""
    settings: dict[str, str] = {}
    at = 0
    while match := _SETTING.match(head, at):
        settings[match[1]], at = match[2].strip(), match.end()
    if "separator" not in settings:
        return None
    separator = _SEPARATORS.get(settings["separator"].lower(), settings["separator"][:1] or "\t")
    table = head[at:]
    return Notes(separator, len(settings), _names(settings, separator, table), table)


def _names(settings: dict[str, str], separator: str, table: str) -> tuple[str, ...]:
    if "columns" in settings:
        return tuple(name.strip() for name in settings["columns"].split(separator))
    about = {settings.get(f"{name} column"): name for name in _ABOUT_NOTE}
    count = min(table.partition("\n")[0].count(separator) + 1, _MOST_COLUMNS)
    fields = iter(("front", "back", *(f"field {n}" for n in range(3, count + 3))))
    return tuple(about.get(str(n)) or next(fields) for n in range(1, count + 1))
