"""Tokens computed with NumPy are those of the model: logits, caches whose rows leave and join, whole answers."""

import threading
import warnings
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_map

from core import adapters
from core.adapters.numpy_weights import NumpyWeights, can_use_numpy
from core.rollouts import batch_generate as module
from core.rollouts.batch_generate import Completion, CompletionGenerator, prefill
from core.rollouts.numpy_decoder import NumpyDecoder, make_decoder
from core.rollouts.row_cache import RowCache
from core.rollouts.sampling import SamplingParams
from core.run import Adapter
from tests.core.model.tiny import tiny

PROMPTS = [[5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19], [30]]
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMA3 |= {"original_max_position_embeddings": 64}
MODELS = {
    "qwen3": ("qwen3", {}),
    "qwen2": ("qwen2", {"tie_word_embeddings": False}),
    "llama": ("llama", {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True}),
    "llama 3": ("llama", {"rope_scaling": LLAMA3}),
}


def make(name: str, targets: str = "all", layers: int | None = None) -> nn.Module:
    """A model whose norms, biases and adapter all count."""
    family, changes = MODELS[name]
    model = tiny(family, **changes)
    model.update(tree_map(lambda w: w + 0.3 * mx.random.normal(w.shape) if w.ndim == 1 else w, model.parameters()))
    adapters.attach(model, Adapter(rank=4, targets=targets, layers=layers))
    model.update(tree_map(lambda w: 0.2 * mx.random.normal(w.shape), model.trainable_parameters()))
    model.eval()
    return model


def expected_logits(model: Any, texts: list[list[int]]) -> np.ndarray:
    return np.stack([np.array(model(mx.array([text]))[0, -1]) for text in texts])


def caches(model: Any, indices: list[int], decoder: NumpyDecoder) -> RowCache:
    layers, _ = prefill(model, PROMPTS, list(range(len(PROMPTS))), batched=True)
    return RowCache.take(layers, indices, decoder.key_heads, decoder.size)


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_those_of_the_model(name: str) -> None:
    model = make(name)
    decoder = make_decoder(model)
    assert decoder is not None
    rows = [0, 1, 2, 1]
    cache = caches(model, rows, decoder)
    texts = [list(PROMPTS[row]) for row in rows]
    for step in range(140):  # more than the cache first has room for
        logits = decoder.logits(np.array([text[-1] for text in texts]), cache)
        if step in (0, 1, 139):
            assert logits == pytest.approx(expected_logits(model, texts), abs=2e-4)
        for n, text in enumerate(texts):
            text.append((17 * step + n) % 200)


def test_rows_leave_and_join() -> None:
    model = make("qwen3", "q_proj,mlp.up_proj")
    decoder = NumpyDecoder(NumpyWeights(model, few_rows=True))
    cache, texts = caches(model, [0, 1, 2], decoder), [list(prompt) for prompt in PROMPTS]

    def check() -> None:
        for _ in range(2):
            logits = decoder.logits(np.array([text[-1] for text in texts]), cache)
            assert logits == pytest.approx(expected_logits(model, texts), abs=2e-4)
            for n, text in enumerate(texts):
                text.append(20 + n)

    check()
    cache.filter(mx.array([2, 0]))  # the longest leaves, and with it the padding that the others had
    texts = [texts[2], texts[0]]
    check()
    cache.extend(caches(model, [1, 1], decoder))  # longer than what is there
    texts += [list(PROMPTS[1]), list(PROMPTS[1])]
    check()
    cache.extend(caches(model, [2], decoder))  # shorter
    texts.append(list(PROMPTS[2]))
    check()


def write(model: Any, params: SamplingParams) -> list[Completion]:
    generator = CompletionGenerator(model, tuple(range(40)), 4, batched=True, stop=threading.Event())
    completions = generator.generate(PROMPTS, params, group_size=4)
    return sorted(completions, key=lambda c: (c.prompt_index, c.sample_index))


@pytest.mark.parametrize("options", [{}, {"temperature": 0.0}, {"temperature": 0.7, "top_k": 20, "top_p": 0.9}])
def test_answers_are_those_of_the_model(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model, params = make("qwen3"), SamplingParams(max_tokens=12, **options)
    monkeypatch.setattr(NumpyDecoder, "logits", counted := Counted(NumpyDecoder.logits))
    answers = write(model, params)
    assert counted.calls
    if params.temperature:  # answers leave while others are written
        assert len({len(answer.tokens) for answer in answers}) > 2
    counted.calls = 0
    monkeypatch.setattr(module, "make_decoder", lambda _: None)
    expected = write(model, params)
    assert not counted.calls
    for answer, other in zip(answers, expected, strict=True):
        assert (answer.tokens, answer.truncated) == (other.tokens, other.truncated)
        assert answer.logps == pytest.approx(other.logps, abs=2e-5)
        assert answer.entropy == pytest.approx(other.entropy, abs=2e-5)


class Counted:
    """A method that counts its calls."""

    def __init__(self, method: Any) -> None:
        self.method, self.calls = method, 0

    def __get__(self, owner: Any, kind: Any) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls += 1
            return self.method(owner, *arguments)

        return call


def test_what_is_no_number_gives_no_warning() -> None:
    model = make("qwen3")
    model.update({"model": {"embed_tokens": {"weight": model.model.embed_tokens.weight * float("inf")}}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = write(model, SamplingParams(max_tokens=3))
    assert all(np.isnan(answer.logps).all() for answer in answers)


def test_an_adapter_that_is_switched_off_does_not_count() -> None:
    model = make("llama")
    with adapters.disable(model):
        decoder = NumpyDecoder(NumpyWeights(model, few_rows=True))
        logits = decoder.logits(np.array([7]), caches(model, [0], decoder))
        assert logits == pytest.approx(expected_logits(model, [[*PROMPTS[0][:-1], 7]]), abs=2e-4)


@pytest.mark.parametrize("family", ["gemma2", "mistral-window", "gpt_oss", "mamba"])
def test_other_structures_are_computed_by_the_model(family: str) -> None:
    assert not can_use_numpy(tiny(family)) and make_decoder(tiny(family)) is None


def test_other_weights_are_computed_by_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    half, packed, dora = tiny("qwen3"), tiny("qwen3"), tiny("qwen3")
    half.set_dtype(mx.bfloat16)
    nn.quantize(packed, group_size=32)
    adapters.attach(dora, Adapter(type="dora", rank=4))
    assert not any(can_use_numpy(model) for model in (half, packed, dora))
    assert can_use_numpy(tiny("qwen3"))
    monkeypatch.setattr("core.device.process_memory.COPY_SHARE", 0.0)
    assert make_decoder(tiny("qwen3")) is None
