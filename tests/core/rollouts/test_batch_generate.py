"""Many answers at once are the same as each by itself: tokens, log-probabilities, ends."""

import threading
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core import adapters
from core.adapters.lora import LoRALinear
from core.rollouts.batch_generate import Completion, CompletionGenerator, batch_generate
from core.rollouts.capacity import cache_bytes, check_batching, fit_batch_size
from core.rollouts.sampling import SamplingParams
from core.run import Adapter
from tests.core.model.tiny import SHAPE, tiny

PROMPTS = [[5, 6, 7], [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], [30, 31]]


def generate_all(model: Any, params: SamplingParams, **options: Any) -> list[Completion]:
    options = {"stop_tokens": [2], **options}
    completions = [c for finished in batch_generate(model, PROMPTS, params, **options) for c in finished]
    return sorted(completions, key=lambda c: (c.prompt_index, c.sample_index))


@pytest.mark.parametrize("family", ["qwen3", "llama", "gemma2", "mistral-window", "gpt_oss", "mamba"])
def test_greedy_answers_are_those_of_the_plain_model(family: str) -> None:
    model = tiny(family)
    batched, reason = check_batching(model, mx.float32)
    # gemma2's attention takes no mask of each row's own, and mamba's state takes in the padding
    assert batched == (family not in ("gemma2", "mamba")), reason
    for completion in generate_all(model, SamplingParams(0.0, max_tokens=12), batched=batched):
        tokens = list(PROMPTS[completion.prompt_index])
        for token in completion.tokens:
            assert int(model(mx.array([tokens]))[0, -1].argmax()) == token
            tokens.append(token)


@pytest.mark.parametrize("family", ["qwen3", "llama", "gemma2", "mistral-window", "mamba"])
@pytest.mark.parametrize("dtype", [mx.bfloat16, mx.float16], ids=["bfloat16", "float16"])
def test_rounding_in_16_bit_is_no_difference(family: str, dtype: mx.Dtype) -> None:
    model = tiny(family)
    model.set_dtype(dtype)
    batched, reason = check_batching(model, dtype)
    assert batched == (family not in ("gemma2", "mamba")), reason


@pytest.mark.parametrize("family", ["qwen3", "mistral-window"])
def test_log_probabilities_are_those_of_one_pass_over_the_whole_text(family: str) -> None:
    model = tiny(family)
    for completion in generate_all(model, SamplingParams(0.7, max_tokens=9), group_size=2):
        prompt = PROMPTS[completion.prompt_index]
        logits = model(mx.array([[*prompt, *completion.tokens]]))[0, len(prompt) - 1 : -1] / 0.7
        logps = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        expected = mx.take_along_axis(logps, mx.array(completion.tokens)[:, None], axis=-1).squeeze(-1)
        assert completion.logps == pytest.approx(expected.tolist(), abs=2e-5)
        assert completion.entropy == pytest.approx(float(-(mx.exp(logps) * logps).sum(-1).mean()), abs=1e-4)


def test_a_model_with_an_adapter_writes_merged_and_says_the_policys_log_probabilities() -> None:
    model = tiny("qwen3")
    adapters.attach(model, Adapter(rank=4))
    mx.random.seed(5)
    layers = [module for module in model.modules() if isinstance(module, LoRALinear)]
    for layer in layers:
        layer.lora_b = 0.05 * mx.random.normal(layer.lora_b.shape)
    model.eval()
    generator = CompletionGenerator(model, (2,), 8, batched=True, stop=threading.Event())
    first, *_ = generator.generate(PROMPTS, SamplingParams(max_tokens=9), group_size=2)
    logits = model(mx.array([[*PROMPTS[first.prompt_index], *first.tokens]]))[0, len(PROMPTS[first.prompt_index]) - 1 :]
    logps = logits[:-1] - mx.logsumexp(logits[:-1], axis=-1, keepdims=True)
    expected = mx.take_along_axis(logps, mx.array(first.tokens)[:, None], axis=-1).squeeze(-1)
    assert first.logps == pytest.approx(expected.tolist(), abs=2e-5)
    assert all(layer.merged is None for layer in layers)


def test_an_answer_does_not_depend_on_what_is_written_beside_it() -> None:
    model = tiny("qwen3")
    # A common token as the end, so that answers leave and others join all the time.
    options = {"group_size": 4, "stop_tokens": list(range(0, 60)), "seed": (3, 1)}
    wide = generate_all(model, SamplingParams(1.0, max_tokens=14), batch_size=64, **options)
    assert len({len(w.tokens) for w in wide}) > 3
    for batch_size in (1, 3, 5):
        narrow = generate_all(model, SamplingParams(1.0, max_tokens=14), batch_size=batch_size, **options)
        assert [w.tokens for w in narrow] == [w.tokens for w in wide]
        for n, w in zip(narrow, wide, strict=True):
            np.testing.assert_allclose(n.logps, w.logps, atol=2e-5)


def test_the_seed_makes_the_answers() -> None:
    model = tiny("qwen3")
    first, repeated, reseeded = (
        generate_all(model, SamplingParams(max_tokens=8), group_size=3, seed=(s,)) for s in (1, 1, 2)
    )
    assert first == repeated and [c.tokens for c in first] != [c.tokens for c in reseeded]
    assert len({c.tokens for c in first}) == 9  # the answers of a group differ from each other


def test_answers_end_with_a_stop_token_or_at_the_longest_length() -> None:
    model = tiny("qwen3")
    answers = generate_all(model, SamplingParams(max_tokens=10), group_size=8, stop_tokens=list(range(0, 40)))
    assert {w.truncated for w in answers} == {True, False}
    for w in answers:
        assert all(t >= 40 for t in w.tokens[:-1])
        assert (len(w.tokens) == 10 and w.tokens[-1] >= 40) if w.truncated else w.tokens[-1] < 40


def test_each_prompt_is_computed_once_for_its_group() -> None:
    model = tiny("qwen3")
    shapes = []

    class RecordingModel:
        layers = model.layers

        def __call__(self, tokens: mx.array, cache: Any = None) -> mx.array:
            shapes.append(tokens.shape)
            return model(tokens, cache=cache)

    list(batch_generate(RecordingModel(), PROMPTS, SamplingParams(max_tokens=3), stop_tokens=[], group_size=16))
    (prompts, *steps) = shapes
    assert prompts == (3, 10)  # three prompts, the longest without its last token
    assert steps == [(48, 1)] * 3


def test_one_can_stop_between_two_tokens() -> None:
    model = tiny("qwen3")
    steps = batch_generate(model, PROMPTS, SamplingParams(max_tokens=50), stop_tokens=[], group_size=2)
    assert [next(steps) for _ in range(20)] == [[]] * 20
    steps.close()


def test_the_memory_of_an_answer_is_known_before_it_is_written() -> None:
    model = tiny("qwen3")  # 2 layers, keys and values of 2 heads, float32
    size = 2 * 2 * 2 * SHAPE["head_dim"] * 4 * 100
    assert cache_bytes(model, 100) == size
    assert fit_batch_size(model, 100, 8) == (8, size)
    assert fit_batch_size(model, 1 << 40, 8)[0] == 1
