"""One compiled function for every token writes what the model's own calls write."""

from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_map
from mlx_lm.models.cache import BatchKVCache

from core import adapters
from core.adapters.fused_blocks import fuse_blocks, kept_factors
from core.model import token_cache
from core.rollouts import batch_generate as module
from core.rollouts.batch_generate import Completion, batch_generate, prefill
from core.rollouts.sampling import SamplingParams
from core.rollouts.token_step import compiled_step, make_token_step, plain_step
from core.run import Adapter
from tests.core.model.tiny import tiny

PROMPTS = [[5, 6, 7, 8, 9], [10, 11], [12, 13, 14]]
PARAMS = SamplingParams(max_tokens=12)


def make(family: str) -> Any:
    model = tiny(family)
    adapters.attach(model, Adapter(rank=4))
    model.update(tree_map(lambda t: t + 0.1 * mx.random.normal(t.shape), model.trainable_parameters()))
    assert fuse_blocks(model) == ""
    model.eval()
    return model


def write(model: Any) -> list[Completion]:
    with kept_factors(model):
        batches = batch_generate(model, PROMPTS, PARAMS, stop_tokens=range(40, 60), group_size=3, batch_size=5)
        return sorted((c for batch in batches for c in batch), key=lambda c: (c.prompt_index, c.sample_index))


@pytest.mark.parametrize("family", ["qwen3", "llama"])
def test_completions_are_those_of_the_models_own_calls(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows begin at different places, leave, and make room for others; recent tokens are put down, caches grow."""
    monkeypatch.setattr(BatchKVCache, "step", 4)
    monkeypatch.setattr(token_cache, "RECENT", 3)
    model, steps = make(family), list[Any]()

    def make_compiled(model: Any, params: SamplingParams, batched: bool) -> Any:
        steps.append(compiled_step(model, params))
        return steps[-1]

    expected = write(model)
    monkeypatch.setattr(module, "make_token_step", make_compiled)
    written = write(model)
    assert steps and [c.tokens for c in written] == [c.tokens for c in expected]
    assert len({len(c.tokens) for c in written}) > 2
    for ours, theirs in zip(written, expected, strict=True):
        assert ours.logps == pytest.approx(theirs.logps, abs=1e-4)
        assert ours.entropy == pytest.approx(theirs.entropy, abs=1e-4)


def test_the_caches_go_on_as_mlx_lms_own() -> None:
    model = make("qwen3")
    uniform, results = mx.array([0.3, 0.6, 0.9]), []
    with kept_factors(model):
        for first in (plain_step, compiled_step):
            caches, tokens = prefill(model, PROMPTS, range(3), batched=True)
            for kind in (first, plain_step):
                tokens, logps, _ = kind(model, PARAMS)(tokens, caches, uniform)
            results.append((tokens.tolist(), logps.tolist(), caches[0].offset.tolist(), caches[0]._idx))
    assert results[0][0] == results[1][0] and results[0][2:] == results[1][2:]
    assert results[0][1] == pytest.approx(results[1][1], abs=1e-4)


def test_only_a_gpu_under_cuda_takes_the_compiled_function() -> None:
    assert make_token_step(make("qwen3"), PARAMS).__qualname__.startswith("plain_step")
