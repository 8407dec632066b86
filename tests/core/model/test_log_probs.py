"""Log-probabilities by hand, and that the fast path gives the plain path's loss and gradients."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten

from core import adapters
from core.data.batch.batches import Batch
from core.model import lm_head
from core.model.load import load
from core.model.log_probs import to_mlx, token_logps
from core.run import Adapter
from tests.core.model import zoo
from tests.core.model.tiny import tiny


def batch(tokens: list[list[int]], mask: list[list[float]]) -> Batch:
    return to_mlx(Batch(np.array(tokens, np.int32), np.array(mask, np.float32), (), ()))


def test_by_hand() -> None:
    def model(tokens: mx.array, cache: None = None) -> mx.array:  # always the same three logits
        return mx.broadcast_to(mx.array([0.0, 1.0, 2.0]), (*tokens.shape, 3))

    z = float(mx.logsumexp(mx.array([0.0, 1.0, 2.0])))
    logps = token_logps(model, batch([[0, 2, 1, 0]], [[1.0, 1.0, 0.0]]))
    assert logps.tolist()[0] == pytest.approx([2 - z, 1 - z, 0.0], abs=1e-6)


def test_an_infinity_where_nothing_is_learned_is_no_nan() -> None:
    def model(tokens: mx.array, cache: None = None) -> mx.array:
        return mx.array([[[0.0, 1.0], [-mx.inf, 0.0]]])

    assert bool(mx.isfinite(token_logps(model, batch([[0, 1, 0]], [[1.0, 0.0]]))).all())


ROWS = batch(
    np.random.default_rng(1).integers(1, 200, (3, 12)).tolist(),
    (np.random.default_rng(2).random((3, 11)) < 0.4).astype(float).tolist(),
)


def value_and_gradients(model: nn.Module, with_head: lm_head.LMHead | None) -> tuple[float, dict[str, mx.array]]:
    def loss(b: Batch) -> mx.array:
        logps = token_logps(model, b, with_head)
        # Not linear in the log-probabilities, as preference losses are not.
        return (logps * logps).sum() - logps.sum()

    value, gradients = nn.value_and_grad(model, loss)(ROWS)
    return float(value), dict(tree_flatten(gradients))


@pytest.mark.parametrize("chunk", [200, 1 << 24])
@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.parametrize("family", ["qwen3", "llama", "mistral-window", "gpt_oss", "mamba", "gemma2"])
def test_logits_at_the_targets_alone_change_nothing(
    family: str, kind: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if family == "gpt_oss" and mx.cuda.is_available():
        pytest.skip("MLX gives wrong numbers for it there; Hone refuses it")
    monkeypatch.setattr(lm_head, "LOGITS_CHUNK", chunk)  # the small one makes a chunk of every target
    monkeypatch.setattr(lm_head, "MIN_CHUNK_TOKENS", 1)
    model = tiny(family)
    if kind == "lora":
        adapters.attach(model, Adapter(rank=4))
    head, reason = lm_head.find_lm_head(model, mx.float32)
    if head is None:
        pytest.skip(reason)
    assert head.trained is (kind == "full")
    plain, fast = value_and_gradients(model, None), value_and_gradients(model, head)
    assert fast[0] == pytest.approx(plain[0], rel=1e-5)
    assert fast[1].keys() == plain[1].keys()
    for name, gradient in plain[1].items():
        size = max(1e-3, float(mx.abs(gradient).max()))
        assert float(mx.abs(fast[1][name] - gradient).max()) < 1e-5 * size + 1e-6, name


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.parametrize("has_head", [True, False])
def test_a_batch_in_which_nothing_is_learned(has_head: bool, kind: str, is_training: bool) -> None:
    model: Any = tiny("qwen3")
    if kind == "lora":
        adapters.attach(model, Adapter(rank=4))
    model.train(is_training)
    head = lm_head.find_lm_head(model, mx.float32)[0] if has_head else None
    empty = batch([[3, 2, 1, 4]], [[0.0, 0.0, 0.0]])
    value, gradients = nn.value_and_grad(model, lambda: (1 - token_logps(model, empty, head)).sum())()
    assert float(value) == 3.0
    assert all(not float(mx.abs(gradient).max()) for _, gradient in tree_flatten(gradients))


@pytest.mark.parametrize("family", zoo.FAMILIES)
def test_it_is_found_in_every_family_that_is_tried(family: str, tmp_path: Path) -> None:
    model = load(zoo.write(tmp_path, family), device="cpu").model
    head, reason = lm_head.find_lm_head(model, mx.float32)
    assert head is not None and reason == "measured on this model: both ways give the same logits"


def test_it_is_refused_where_logits_change_behind_it() -> None:
    model = tiny("qwen3")
    cls = type(model)
    model.__class__ = type("Odd", (cls,), {"__call__": lambda self, x, cache=None: cls.__call__(self, x, cache) * 1.1})
    head, reason = lm_head.find_lm_head(model, mx.float32)
    assert head is None and reason == "this architecture changes its logits behind the last layer"


def test_logits_are_never_held_whole() -> None:
    model: Any = tiny("qwen3", vocab_size=20_000)
    adapters.attach(model, Adapter(rank=4))
    rng = np.random.default_rng(0)
    tokens, mask = rng.integers(1, 200, (4, 257)), np.zeros((4, 256))
    mask[:, -32:] = 1
    rows = to_mlx(Batch(tokens.astype(np.int32), mask.astype(np.float32), (), ()))

    def peak(with_head: lm_head.LMHead | None) -> int:
        step = nn.value_and_grad(model, lambda: token_logps(model, rows, with_head).sum())
        mx.eval(step())
        mx.clear_cache()
        mx.reset_peak_memory()
        mx.eval(step())
        return int(mx.get_peak_memory() - mx.get_active_memory())

    logits_bytes = 4 * 256 * 20_000 * 4
    plain, fast = peak(None), peak(lm_head.find_lm_head(model, mx.float32)[0])
    assert plain > logits_bytes and fast < plain / 3


def test_the_kernel_for_a_gpu_gives_the_same() -> None:
    logits, targets = mx.random.normal((7, 50)) * 3, mx.array([3, 0, 49, 7, 7, 20, 1])
    losses, gradient, total = lm_head._scaled_gradient(logits, targets)
    fused_losses, fused_gradient, _ = lm_head._fused_gradient(logits, targets)
    assert mx.allclose(losses, fused_losses, atol=1e-5) and mx.allclose(gradient / total, fused_gradient, atol=1e-6)


def test_without_a_gradient_the_values_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm_head, "LOGITS_CHUNK", 200)
    monkeypatch.setattr(lm_head, "MIN_CHUNK_TOKENS", 1)
    model = tiny("qwen3")
    adapters.attach(model, Adapter(rank=4))
    head, _ = lm_head.find_lm_head(model, mx.float32)
    training = token_logps(model.train(), ROWS, head)
    assert float(mx.abs(training - token_logps(model.eval(), ROWS, head)).max()) < 1e-5
