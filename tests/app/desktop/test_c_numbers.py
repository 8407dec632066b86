"""Numbers of C keep their point, or a native alert ends the process on macOS 27."""

import locale

from app.desktop.c_numbers import keep_c_numbers


def test_numbers_of_c_have_a_point() -> None:
    keep_c_numbers()
    assert locale.localeconv()["decimal_point"] == "."
    assert locale.setlocale(locale.LC_NUMERIC) == "C"
