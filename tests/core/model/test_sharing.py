"""The answers of a pair share their prompt: the same loss and gradients as rows of their own, for less work."""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_map

from core import adapters
from core.data.batch.batches import Batch, collate
from core.data.batch.groups import Group
from core.data.tokenize.encode import Encoded
from core.model import lm_head, packed_mask
from core.model.gradient_checkpointing import checkpoint_blocks
from core.model.log_probs import to_mlx, token_logps
from core.model.rope_positions import disable_token_positions, enable_token_positions
from core.run import Adapter
from tests.core.model.tiny import tiny


def text(prompt: Any, answer: Any) -> Encoded:
    mask = np.array([0] * len(prompt) + [1] * len(answer), np.int8)
    return Encoded(1, np.concatenate([prompt, answer]).astype(np.int32), mask, 0, "")


def pairs(*lengths: tuple[int, ...]) -> list[Any]:
    """Rows of a prompt and several answers of these lengths."""
    rng = np.random.default_rng(0)
    groups = []
    for prompt, *answers in lengths:
        prompt_tokens = rng.integers(3, 250, prompt)
        groups.append(Group(tuple(text(prompt_tokens, rng.integers(3, 250, n)) for n in answers)))
    return groups


PAIRS = pairs((20, 5, 9), (30, 4, 4), (12, 7, 1), (25, 2, 11))


def test_the_prompt_is_there_once_and_the_batch_is_the_same() -> None:
    batch, separate = (collate(PAIRS, range(4), pack=True, share=share) for share in (True, False))
    layout = batch.layout
    assert layout is not None and layout.shared
    assert layout.tokens.size < 0.7 * separate.tokens.size
    assert np.array_equal(batch.tokens, separate.tokens) and np.array_equal(batch.mask, separate.mask)
    # The token that predicts a target is the one before it in its own text, at its own position.
    for source, place in zip(layout.sources, np.argwhere(batch.mask), strict=True):
        assert layout.tokens.flat[source] == batch.tokens[tuple(place)]
        assert layout.positions.flat[source] == place[1]


def test_nothing_is_shared_where_texts_have_little_in_common() -> None:
    assert collate(pairs((1, 64, 64), (1, 64, 64)), range(2), share=True).layout is None


def test_answers_may_begin_alike_or_be_part_of_one_another() -> None:
    prompt, answer = np.arange(3, 20), np.arange(40, 46)
    rows = [Group((text(prompt, answer), text(prompt, answer[:3])))]
    batch = collate(rows, [0], share=True)
    assert batch.layout is not None and batch.layout.tokens.shape == (1, 24)
    model = tiny("qwen3")
    enable_token_positions(model)
    shared, separate = (token_logps(model, to_mlx(collate(rows, [0], share=share))) for share in (True, False))
    assert np.abs(np.array(shared - separate)).max() < 1e-5


def prepared(family: str) -> nn.Module:
    model = tiny(family)
    adapters.attach(model, Adapter(rank=4))
    model.update(tree_map(lambda t: t + 0.1 * mx.random.normal(t.shape), model.trainable_parameters()))
    model.train()
    return model


def step(model: nn.Module, batch: Batch, head: lm_head.LMHead | None) -> tuple[float, dict[str, mx.array]]:
    """A loss as DPO's: from the difference between the summed log-probabilities of the two halves."""

    def loss() -> mx.array:
        better, worse = mx.split(token_logps(model, to_mlx(batch), head).sum(-1), 2)
        return -nn.log_sigmoid(0.1 * (better - worse)).mean()

    value, gradients = nn.value_and_grad(model, loss)()
    return float(value), dict(tree_flatten(gradients))


@pytest.mark.parametrize("path", ["head", "logits", "checkpointed"])
@pytest.mark.parametrize("family", ["qwen3", "llama", "mistral-window", "gpt_oss"])
def test_shared_equals_separate_in_loss_and_every_gradient(family: str, path: str) -> None:
    if family == "gpt_oss" and mx.cuda.is_available():
        pytest.skip("MLX gives wrong numbers for it there; Hone refuses it")
    model = prepared(family)
    head = None if path == "logits" else lm_head.find_lm_head(model, mx.float32)[0]
    can_share, reason = packed_mask.can_share_prefix(model, 200, mx.float32)
    assert can_share, reason
    separate = step(model, collate(PAIRS, range(4)), head)
    if path == "checkpointed":
        checkpoint_blocks(model)
    shared = step(model, collate(PAIRS, range(4), pack=True, share=True), head)
    assert shared[0] == pytest.approx(separate[0], abs=1e-5)
    for name, gradient in separate[1].items():
        size = max(1.0, float(mx.abs(gradient).max()))
        assert float(mx.abs(shared[1][name] - gradient).max()) < 1e-5 * size, name


def test_without_positions_it_would_be_wrong() -> None:
    model = prepared("qwen3")
    batch = to_mlx(collate(PAIRS, range(4), share=True))
    with pytest.raises((TypeError, ValueError)):
        mx.eval(token_logps(model, batch))
    assert packed_mask.can_share_prefix(model, 200, mx.float32)[0]
    mx.eval(token_logps(model, batch))
    disable_token_positions(model)
    assert type(model.layers[0].self_attn.rope) is nn.RoPE


@pytest.mark.parametrize("family", ["mamba", "gpt2", "gemma2"])
def test_models_that_cannot_share_are_found_out_and_left_as_they_were(family: str) -> None:
    model = tiny(family)
    classes = [type(m) for m in model.modules()]
    can_share, reason = packed_mask.can_share_prefix(model, 200, mx.float32)
    assert not can_share and "shared beginning" in reason
    assert [type(m) for m in model.modules()] == classes
