"""The entries of `exclude`: kinds of findings, and single rows by their number, such as row:17."""

from collections.abc import Iterable

ROW = "row:"  # before the number of a single row


def row(number: int) -> str:
    """The entry that leaves out one row, counted from 1 over all files."""
    return f"{ROW}{number}"


def rows(entries: Iterable[str]) -> frozenset[int]:
    """The numbers of the single rows that are left out, counted from 1 over all files."""
    return frozenset(int(entry.removeprefix(ROW)) for entry in entries if entry.startswith(ROW))


def kinds(entries: Iterable[str]) -> tuple[str, ...]:
    """The entries that are kinds of findings: they hold for any files, while a row's number is of these alone."""
    return tuple(entry for entry in entries if not entry.startswith(ROW))
