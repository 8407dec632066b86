"""Shares of a whole as people read them."""

from core.text.sentence import say

_LEAST = 1e-4


def describe_share(share: float) -> str:
    """A share as a per cent, "less than 0.01%" where it is smaller."""
    return say("less than 0.01%") if share < _LEAST else say("{share:.2%}", share=share)
