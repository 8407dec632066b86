"""A list of texts as one text with commas between them, as a flag and a form's field hold it."""

import re
from collections.abc import Iterable

# An entry in quotes, whole or behind its "=", ends at the quote that a comma or the end follows.
_QUOTED = re.compile(r'\s*(?P<name>[^,="]*=)?"(?P<text>(?:[^"]|"")*)"\s*(?:,|$)')
_PLAIN = re.compile(r"(?P<text>[^,]*)(?:,|$)")


def split_list(text: str) -> tuple[str, ...]:
    """The entries of a list such as 'a, b=c'. Empty ones are left out.

    As in CSV, an entry with a comma stands in quotes, and a quote in it is written twice: '"a, b"'. What follows the
    "=" may stand in quotes by itself: 'question="Name, full"'.
    """
    entries, position = [], 0
    while position < len(text):
        quoted = _QUOTED.match(text, position)
        match = quoted or _PLAIN.match(text, position)
        assert match is not None  # _PLAIN matches anything
        position = match.end()
        if quoted:
            entries.append((quoted["name"] or "") + quoted["text"].replace('""', '"'))
        else:
            entries.append(match["text"].strip())
    return tuple(entry for entry in entries if entry)


def join_list(entries: Iterable[str], separator: str = ",") -> str:
    """The text that split_list() reads back, with `separator` between the entries."""
    return separator.join(map(_quote_where_needed, entries))


def _quote_where_needed(entry: str) -> str:
    if '"' not in entry and split_list(entry) == (entry,):
        return entry
    return '"' + entry.replace('"', '""') + '"'
