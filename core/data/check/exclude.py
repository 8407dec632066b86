"""The entries of the option `exclude`: codes of findings, and single rows by their number, such as row:17."""

from collections.abc import Iterable

TEXT_ONLY = "not-text"  # leaves out the parts that are not text, of rows that hold text too
ROW_PREFIX = "row:"  # of an entry that names a single row


def row_entry(number: int) -> str:
    """The entry that leaves out one row, counted from 1 over all files."""
    return f"{ROW_PREFIX}{number}"


def excluded_rows(entries: Iterable[str]) -> frozenset[int]:
    """The numbers of the single rows that are left out, counted from 1 over all files."""
    return frozenset(int(entry.removeprefix(ROW_PREFIX)) for entry in entries if entry.startswith(ROW_PREFIX))


def finding_codes(entries: Iterable[str]) -> tuple[str, ...]:
    """The entries that are codes of findings: they apply to any files, while a row's number applies to these alone."""
    return tuple(entry for entry in entries if not entry.startswith(ROW_PREFIX))
