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

cpu_memory_only = pytest.mark.skipif(
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
    head, _ = lm_head.find_lm_head(model, mx.float32)
    mx.random.seed(5)
    compute = nn.value_and_grad(model, lambda: -token_logps(model, batch, head).sum())
    mx.clear_cache()
    mx.reset_peak_memory()
    active = mx.get_active_memory()
    value, gradients = compute()
    mx.eval(value, gradients)
    return float(value), dict(tree_flatten(gradients)), int(mx.get_peak_memory() - active)


def equal_gradients(gradients: dict[str, mx.array], expected: dict[str, mx.array], precision: float = 1e-6) -> bool:
    return gradients.keys() == expected.keys() and all(
        float(mx.abs(gradients[k] - expected[k]).max()) <= precision * max(1.0, float(mx.abs(expected[k]).max()))
        for k in expected
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
    checkpointed = step(model, batch)
    assert [name for name, _ in tree_flatten(model.parameters())] == names
    assert checkpointed[0] == pytest.approx(plain[0], rel=1e-6) and equal_gradients(checkpointed[1], plain[1])
    assert max(float(mx.abs(g).max()) for g in checkpointed[1].values()) > 0
    if kind == "dropout":
        restore_blocks(model)
        random_numbers = [mx.random.uniform().item() for _ in (step(model, batch),)]
        checkpoint_blocks(model)
        assert random_numbers == [
            mx.random.uniform().item() for _ in (step(model, batch),)
        ]  # random numbers go on alike


def test_with_packed_rows_and_a_packed_base() -> None:
    model = tiny("qwen3")
    quantize_model(model, "nf4")
    model = with_adapter(model)
    plain = step(model, PACKED)
    checkpoint_blocks(model)
    checkpointed = step(model, PACKED)
    assert checkpointed[0] == pytest.approx(plain[0], rel=1e-6) and equal_gradients(checkpointed[1], plain[1])


@cpu_memory_only
def test_it_saves_memory_in_a_deep_model_and_touches_no_other() -> None:
    deep, untouched = (with_adapter(tiny("qwen3", num_hidden_layers=12)) for _ in range(2))
    batch = to_mlx(Batch(np.ones((4, 129), np.int32), np.ones((4, 128), np.float32), (), ()))
    plain_bytes = step(deep, batch)[2]
    checkpoint_blocks(deep)
    assert step(deep, batch)[2] < plain_bytes / 3
    assert step(untouched, batch)[2] > plain_bytes / 2
    restore_blocks(deep)
    assert step(deep, batch)[2] > plain_bytes / 2 and type(deep.layers[0]) is type(untouched.layers[0])


@cpu_memory_only
def test_nothing_piles_up_over_many_steps() -> None:
    model = with_adapter(tiny("qwen3"), dropout=0.1)
    checkpoint_blocks(model)
    batch = to_mlx(collate(rows([8, 7]), range(2)))
    compute = nn.value_and_grad(model, lambda: -token_logps(model, batch).sum())
    active_bytes = []
    for _ in range(60):
        mx.eval(compute())
        active_bytes.append(mx.get_active_memory())
    assert max(active_bytes[10:]) <= active_bytes[9] + 4096


@cpu_memory_only
def test_a_run_with_it_gives_the_same_numbers_in_less_memory(make_run: Callable[..., Run], tmp_path: Path) -> None:
    deep = str(write_model(tmp_path / "deep", num_hidden_layers=10))

    def steps(checkpointing: str) -> list[Step]:
        options = {"gradient_checkpointing": checkpointing, "steps": 3}
        return only(Step, list(train(make_run(output=checkpointing, model={"path": deep}, train=options))))

    plain, checkpointed = steps("off"), steps("on")
    assert [s.loss for s in checkpointed] == pytest.approx([s.loss for s in plain], abs=1e-6)
    assert [s.grad_norm for s in checkpointed] == pytest.approx([s.grad_norm for s in plain], rel=1e-5)
    assert checkpointed[-1].peak_memory_bytes < 0.7 * plain[-1].peak_memory_bytes


def test_checkpointing_still_acts_after_a_validation(make_run: Callable[..., Run], tmp_path: Path) -> None:
    deep = str(write_model(tmp_path / "deep", num_hidden_layers=10))

    def peak(checkpointing: str) -> int:
        options = {"gradient_checkpointing": checkpointing, "steps": 3, "eval_every": 1, "batch_size": 8}
        events = list(train(make_run(output=checkpointing, model={"path": deep}, train=options)))
        assert len(only(Evaluated, events)) == 4
        return int(only(Step, events)[-1].peak_memory_bytes)

    assert peak("on") < 0.8 * peak("off")
