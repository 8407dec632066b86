"""Gradient checkpointing gives the same numbers in less memory, in one model alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_map

from core import adapters
from core.data.batch.batches import Batch, collate
from core.events import Evaluated, Step
from core.model import lm_head
from core.model.gradient_checkpointing import checkpoint_blocks, restore_blocks
from core.model.log_probs import to_mlx, token_logps
from core.quant.model import quantize_model
from core.run import Adapter, Run
from core.train import train
from tests.core.conftest import only, write_model
from tests.core.model.test_packed_mask import rows
from tests.core.model.tiny import tiny

told_by_memory = pytest.mark.skipif(
    mx.default_device() == mx.gpu,
    reason="MLX queues work ahead of a GPU, and its buffers count; see benchmarks/precision",
)
PACKED = to_mlx(collate(rows([30, 9, 12, 7, 3, 14]), range(6), pack=True))


def with_adapter(model: nn.Module, **options: Any) -> nn.Module:
    """With an adapter that is not zero, so that every tensor of it has a gradient."""
    adapters.attach(model, Adapter(rank=4, **options))
    model.update(tree_map(lambda t: t + 0.1 * mx.random.normal(t.shape), model.trainable_parameters()))
    model.train()
    return model


def step(model: nn.Module, batch: Batch) -> tuple[float, dict[str, mx.array], int]:
    """(loss, gradients, bytes needed above what is held anyway)."""
    found, _ = lm_head.find_lm_head(model, mx.float32)
    mx.random.seed(5)
    compute = nn.value_and_grad(model, lambda: -token_logps(model, batch, found).sum())
    mx.clear_cache()
    mx.reset_peak_memory()
    held = mx.get_active_memory()
    value, gradients = compute()
    mx.eval(value, gradients)
    return float(value), dict(tree_flatten(gradients)), int(mx.get_peak_memory() - held)


def alike(one: dict[str, mx.array], two: dict[str, mx.array]) -> bool:
    return one.keys() == two.keys() and all(
        float(mx.abs(one[k] - two[k]).max()) <= 1e-6 * max(1.0, float(mx.abs(two[k]).max())) for k in two
    )


@pytest.mark.parametrize("family", ["qwen3", "llama", "mistral-window", "gpt_oss", "mamba", "gpt2"])
@pytest.mark.parametrize("kind", ["lora", "dropout", "last-block", "full"])
def test_the_numbers_stay_the_same(family: str, kind: str) -> None:
    model = tiny(family)
    if kind == "full":
        model.train()
    else:
        options = {"lora": {}, "dropout": {"dropout": 0.3}, "last-block": {"layers": 1}}[kind]
        model = with_adapter(model, **options)
    batch = to_mlx(collate(rows([20, 11, 9]), range(3)))
    names = [name for name, _ in tree_flatten(model.parameters())]
    plain = step(model, batch)
    assert checkpoint_blocks(model) == checkpoint_blocks(model) == len(model.layers)
    again = step(model, batch)
    assert [name for name, _ in tree_flatten(model.parameters())] == names
    assert again[0] == pytest.approx(plain[0], rel=1e-6) and alike(again[1], plain[1])
    assert max(float(mx.abs(g).max()) for g in again[1].values()) > 0
    if kind == "dropout":
        restore_blocks(model)
        after = [mx.random.uniform().item() for _ in (step(model, batch),)]
        checkpoint_blocks(model)
        assert after == [mx.random.uniform().item() for _ in (step(model, batch),)]  # random numbers go on alike


def test_with_packed_rows_and_a_packed_base() -> None:
    model = tiny("qwen3")
    quantize_model(model, "nf4")
    model = with_adapter(model)
    plain = step(model, PACKED)
    checkpoint_blocks(model)
    again = step(model, PACKED)
    assert again[0] == pytest.approx(plain[0], rel=1e-6) and alike(again[1], plain[1])


@told_by_memory
def test_it_saves_memory_in_a_deep_model_and_touches_no_other() -> None:
    deep, other = (with_adapter(tiny("qwen3", num_hidden_layers=12)) for _ in range(2))
    batch = to_mlx(Batch(np.ones((4, 129), np.int32), np.ones((4, 128), np.float32), (), ()))
    before = step(deep, batch)[2]
    checkpoint_blocks(deep)
    assert step(deep, batch)[2] < before / 3
    assert step(other, batch)[2] > before / 2
    restore_blocks(deep)
    assert step(deep, batch)[2] > before / 2 and type(deep.layers[0]) is type(other.layers[0])


@told_by_memory
def test_nothing_piles_up_over_many_steps() -> None:
    model = with_adapter(tiny("qwen3"), dropout=0.1)
    checkpoint_blocks(model)
    batch = to_mlx(collate(rows([8, 7]), range(2)))
    compute = nn.value_and_grad(model, lambda: -token_logps(model, batch).sum())
    held = []
    for _ in range(60):
        mx.eval(compute())
        held.append(mx.get_active_memory())
    assert max(held[10:]) <= held[9] + 4096


@told_by_memory
def test_a_run_with_it_gives_the_same_numbers_in_less_memory(make_run: Callable[..., Run], tmp_path: Path) -> None:
    deep = str(write_model(tmp_path / "deep", num_hidden_layers=10))

    def steps(way: str) -> list[Step]:
        given = {"gradient_checkpointing": way, "steps": 3}
        return only(Step, list(train(make_run(output=way, model={"path": deep}, train=given))))

    plain, again = steps("off"), steps("on")
    assert [s.loss for s in again] == pytest.approx([s.loss for s in plain], abs=1e-6)
    assert [s.grad_norm for s in again] == pytest.approx([s.grad_norm for s in plain], rel=1e-5)
    assert again[-1].peak_memory_bytes < 0.7 * plain[-1].peak_memory_bytes


def test_checkpointing_still_acts_after_a_validation(make_run: Callable[..., Run], tmp_path: Path) -> None:
    deep = str(write_model(tmp_path / "deep", num_hidden_layers=10))

    def peak(checkpointing: str) -> int:
        given = {"gradient_checkpointing": checkpointing, "steps": 3, "eval_every": 1, "batch_size": 8}
        events = list(train(make_run(output=checkpointing, model={"path": deep}, train=given)))
        assert len(only(Evaluated, events)) == 4
        return int(only(Step, events)[-1].peak_memory_bytes)

    assert peak("on") < 0.8 * peak("off")
