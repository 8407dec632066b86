"""What has changed from one answer to the next."""

import pytest

from app.runs.differences import mark_changes


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("It is 4.", "It is 4.", []),
        ("It is 3.", "It is 4.", ["4"]),
        ("I do not know.", "It is 4.", ["It is 4"]),
        ("", "It is 4.", ["It is 4."]),
        ("It is 4.", "", []),
        ("You see with eyes.", "Good question! You see with your eyes.", ["Good question!", "your"]),
        ("the cat", "the  cat", []),  # space alone is no change of words
        ("a\nb", "a\nc", ["c"]),
    ],
)
def test_changed_words_are_told(before: str, after: str, changed: list[str]) -> None:
    pieces = mark_changes(before, after)
    assert "".join(text for text, _ in pieces) == after
    assert [text for text, is_changed in pieces if is_changed] == changed


def test_a_very_long_text_is_compared_in_part() -> None:
    pieces = mark_changes("word " * 3000, "word " * 2999 + "other end")
    assert "".join(text for text, _ in pieces) == "word " * 2999 + "other end"
    assert [text for text, is_changed in pieces if is_changed] == []
