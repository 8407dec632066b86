"""Steps over vectors of trained tensors give the same gradient whether blocks take them as stacks or one by one."""

from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from core.adapters.fused_blocks import fuse_blocks
from core.data.batch.batches import collate
from core.model.evaluated_blocks import evaluate_blocks
from core.model.gradient_checkpointing import checkpoint_blocks
from core.model.lm_head import find_lm_head
from core.model.log_probs import to_mlx, token_logps
from core.training.flat_parameters import FlatParameters
from core.training.vector_pieces import Stacks, Tensor, with_stacks
from tests.core.adapters.test_fused_blocks import ROWS, make


def gradient(model: nn.Module) -> tuple[float, dict[str, mx.array], set[str]]:
    """(the loss, its gradient as vectors, the names by which it was differentiated)."""
    flat, batch = FlatParameters(model, is_flat=True), to_mlx(collate(ROWS, range(6)))
    head, _ = find_lm_head(model.eval(), mx.float32)
    model.train()
    original = model.trainable_parameters()
    names: set[str] = set()

    def loss(tensors: dict[str, Any]) -> mx.array:
        names.update(tensors)
        flat.place(tensors)
        return -token_logps(model, batch, head).sum()

    with flat.in_step():
        value, grads = mx.value_and_grad(loss)(flat.for_step(flat.flatten(original), mx.float32))
    vectors = flat.flatten_gradient(grads)
    mx.eval(value, vectors)
    model.update(original)
    return value.item(), vectors, names


def assert_same(model: nn.Module, expected: tuple[float, dict[str, mx.array], set[str]]) -> set[str]:
    value, vectors, names = gradient(model)
    assert value == pytest.approx(expected[0], rel=2e-5) and vectors.keys() == expected[1].keys()
    for kind, vector in vectors.items():
        largest = float(mx.abs(expected[1][kind]).max())
        assert largest > 0 and float(mx.abs(vector - expected[1][kind]).max()) <= 2e-5 * largest
    return names


@pytest.mark.parametrize(
    "options", [{}, {"targets": "q_proj,v_proj"}, {"targets": "mlp.up_proj,o_proj"}, {"targets": "down_proj"}]
)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_stacks_give_the_gradient_of_single_tensors(options: dict[str, Any], checkpointing: bool) -> None:
    model = make("qwen3", **options)
    expected = gradient(model)
    if checkpointing:
        checkpoint_blocks(model)
    assert fuse_blocks(model) == ""
    names = assert_same(model, expected)
    count = len(dict(tree_flatten(model.layers[0].trainable_parameters())))
    assert len(names) == count and all(name.startswith("model.layers.*.") for name in names)
    assert not model.model.fused.factors.stacks  # a step leaves none behind


def test_blocks_that_differ_have_no_stacks() -> None:
    model = make("qwen3")
    layer = model.layers[1].self_attn.q_proj
    layer.lora_a, layer.lora_b = layer.lora_a[:, :3], layer.lora_b[:3]
    expected = gradient(model)
    assert fuse_blocks(model) == ""
    assert not any("*" in name for name in assert_same(model, expected))


def test_blocks_in_the_models_own_way_take_their_part_of_a_stack() -> None:
    model = make("qwen3")
    expected = gradient(model)
    assert fuse_blocks(model) == ""
    evaluate_blocks(model)
    assert all("*" in name for name in assert_same(model, expected))


def test_pieces_of_a_vector() -> None:
    def tensors(*names: str) -> list[Tensor]:
        return [Tensor(name, (2, 3)) for name in names]

    before, blocks, after = tensors("head.a"), tensors("l.0.x", "l.0.y", "l.1.x", "l.1.y"), tensors("z.a")
    pieces = with_stacks(before + blocks + after, "l.")
    assert pieces == [*before, Stacks(2, tuple(tensors("l.*.x", "l.*.y"))), *after]
    vector = mx.arange(24).astype(mx.float32)
    parts = pieces[1].split(vector)
    assert parts["l.*.y"][1].tolist() == vector[18:].reshape(2, 3).tolist()
    assert pieces[1].join(parts).tolist() == vector.tolist()
    for other in (blocks[:3], blocks[::-1], blocks[:2] + after + blocks[2:], blocks[2:], before):
        assert with_stacks(other, "l.") == other
