"""Answers that a GPU does not manage at once are written in smaller batches, and come out the same."""

import threading
from typing import Any

import mlx.core as mx
import pytest

from core.rollouts.batch_generate import CompletionGenerator, WritingLimit
from core.rollouts.sampling import SamplingParams
from tests.core.model.tiny import tiny
from tests.core.training import watchdog

PROMPTS = [[1, 5, 9], [7, 3], [4, 4, 8, 2]]
PARAMS = SamplingParams(max_tokens=6)


class Failing:
    """The model, but a pass of more than `most` rows fails as on a Mac, from the `patience`-th on."""

    def __init__(self, model: Any, most: int, patience: int) -> None:
        self.model, self.most, self.patience = model, most, patience
        self.failures = 0

    def __call__(self, tokens: mx.array, cache: Any = None) -> Any:
        self.patience -= 1
        if len(tokens) > self.most and self.patience < 0:
            self.failures += 1
            raise RuntimeError(watchdog.INTERACTIVITY)
        return self.model(tokens, cache=cache)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


@pytest.mark.parametrize("patience", [0, 5])
def test_the_answers_are_those_of_larger_batches(patience: int) -> None:
    model = tiny("qwen3")
    model.eval()
    plain = CompletionGenerator(model, (0,), 8, True, threading.Event())
    expected = sorted(plain.generate(PROMPTS, PARAMS, group_size=2), key=lambda c: (c.prompt_index, c.sample_index))
    limit, told = WritingLimit(), []

    def give_way(error: BaseException, at_once: int) -> None:
        told.append(at_once)
        limit.most = at_once // 2

    limit.give_way = give_way
    failing = Failing(model, 2, patience)
    generator = CompletionGenerator(failing, (0,), 8, True, threading.Event(), limit)
    completions = generator.generate(PROMPTS, PARAMS, group_size=2)
    completions.sort(key=lambda c: (c.prompt_index, c.sample_index))
    assert failing.failures == len(told) and told[:2] == [8, 4] and limit.most == 2
    assert [c.tokens for c in completions] == [c.tokens for c in expected]


def test_without_a_way_out_the_error_is_seen() -> None:
    generator = CompletionGenerator(Failing(tiny("qwen3"), 2, 0), (0,), 8, True, threading.Event())
    with pytest.raises(RuntimeError, match="Impacting Interactivity"):
        generator.generate(PROMPTS, PARAMS)
