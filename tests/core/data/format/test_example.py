"""The key by which rows with the same texts are found."""

import hashlib

import pytest

from core.data.format import example as module
from core.data.format.example import Example, content_key

TEXTS = [
    "",
    " ",
    "a",
    "Straße  und\tİ",
    " A b\n\nC ",
    "x" * 9,
    "ab cd",
    "ab    cd",
    "ab c d ",
    "\u2003wide\x1cgap\x85s",
    "σΣς ΑΣ",
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1 << 20])
@pytest.mark.parametrize("text", TEXTS)
def test_the_key_does_not_depend_on_the_pieces(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setattr(module, "_PIECE", size)
    whole = "\0".join(" ".join(part.casefold().split()) for part in (text, "Answer  one"))
    expected = hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=16).hexdigest()
    assert content_key(Example(1, prompt=text, completion="Answer  one")) == expected
