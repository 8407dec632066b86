"""The reasons of scores in a line of samples.jsonl: as plain text, and with the words that they are said in."""

from collections.abc import Mapping
from typing import Any

from core.text.sentence import pack, unpack


def keep_reasons(reasons: Mapping[str, str]) -> dict[str, Any]:
    """The entries of an answer for its reasons, by the name of the reward."""
    return {"why": dict(reasons), "said": pack(dict(reasons))}


def read_reasons(answer: Mapping[str, Any]) -> dict[str, str]:
    """The reasons that keep_reasons() has written, sentences where they can be said in another language; plain texts of
    an older file. Raises ValueError, AttributeError where they are damaged."""
    texts = {str(name): str(text) for name, text in answer.get("why", {}).items()}
    said = {name: unpack(text) for name, text in answer.get("said", {}).items()}
    return {name: said[name] if said.get(name) == text else text for name, text in texts.items()}
