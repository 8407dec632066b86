"""Blocks of a file are decoded one by one, and no character is cut in two."""

import pytest

from core.data.read.text_encoding import split_at_character


@pytest.mark.parametrize("character", ["a", "\x7f", "é", "ÿ", "…", "\u0800", "\uffff", "\U00010000", "😀"])
def test_a_block_ends_between_characters(character: str) -> None:
    text = f"x{character}".encode()
    for cut in range(1, len(text) + 1):
        whole, rest = split_at_character(text[:cut])
        assert whole + rest == text[:cut] and len(rest) <= 3
        assert whole.decode() == ("x" if cut < len(text) else f"x{character}")
