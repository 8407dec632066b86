"""Failures of a GPU outside a step are a sentence, too."""

import pytest

from core.training.endings import explain_failure
from tests.core.training import watchdog


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (watchdog.TIMEOUT, "kept the GPU for too long"),
        (watchdog.IGNORED, "no more time on the GPU"),
        (watchdog.OUT_OF_MEMORY, "The memory is full"),
        (watchdog.RESOURCE_LIMIT, "more pieces of memory"),
    ],
)
def test_they_are_told_from_each_other(text: str, part: str) -> None:
    sentence = explain_failure(RuntimeError(text))
    assert sentence is not None and part in sentence and "checkpoint" in sentence
