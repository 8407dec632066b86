"""Blocks in few large pieces give the loss and gradients of the model's own, whatever way a batch goes through them."""

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_map

from core import adapters
from core.adapters import fused_blocks
from core.adapters.fused_blocks import fuse_blocks
from core.data.batch.batches import Batch, collate
from core.events import Step
from core.model import packed_mask
from core.model.evaluated_blocks import evaluate_blocks
from core.model.gradient_checkpointing import checkpoint_blocks, restore_blocks
from core.model.lm_head import find_lm_head
from core.model.log_probs import to_mlx, token_logps
from core.quant.model import quantize_model
from core.rollouts import batch_generate
from core.rollouts.batch_generate import CompletionGenerator
from core.rollouts.sampling import SamplingParams
from core.run import Adapter, Run
from core.train import train
from core.training import model_setup
from tests.core.model.test_packed_mask import rows
from tests.core.model.test_sharing import PAIRS
from tests.core.model.tiny import tiny

LLAMA3 = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
FAMILIES: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "llama": {"attention_bias": True, "rope_scaling": LLAMA3 | {"original_max_position_embeddings": 64}},
    "qwen2": {},
    "mistral": {},
}
SEEN: list[int] = []
ROWS = rows([30, 9, 12, 7, 3, 14])
Numbers = tuple[float, dict[str, mx.array]]


def make(family: str, quantization: str = "none", **options: Any) -> nn.Module:
    """A model in training with an adapter that is not zero."""
    wide = {"hidden_size": 64} if quantization != "none" else {}  # a block of packed weights
    model = tiny(family, **FAMILIES.get(family, {}), **wide)
    if quantization != "none":
        quantize_model(model, quantization)
    adapters.attach(model, Adapter(rank=4, **options))
    model.update(tree_map(lambda t: t + 0.1 * mx.random.normal(t.shape), model.trainable_parameters()))
    for block in model.layers:  # weights of norms that are not all one
        for norm in (block.input_layernorm, block.self_attn.get("q_norm"), block.self_attn.get("k_norm")):
            if norm is not None:
                norm.weight = norm.weight + 0.2 * mx.random.normal(norm.weight.shape)
    model.train()
    return model


def compute(model: nn.Module, batch: Batch) -> Numbers:
    before = len(SEEN)
    head, _ = find_lm_head(model.eval(), mx.float32)
    model.train()
    del SEEN[before:]  # what looking for the head has computed
    value, gradients = nn.value_and_grad(model, lambda: -token_logps(model, batch, head).sum())()
    mx.eval(value, gradients)
    return float(value), dict(tree_flatten(gradients))


def agree(numbers: Numbers, expected: Numbers) -> bool:
    """Within the rounding of float32, each tensor relative to its largest number; a GPU sums in other orders."""
    precision = 2e-5 if mx.default_device() == mx.cpu else 3e-4
    (value, gradients), (target, targets) = numbers, expected

    def is_near(name: str) -> bool:
        return float(mx.abs(gradients[name] - targets[name]).max()) <= precision * float(mx.abs(targets[name]).max())

    return (
        abs(value - target) <= precision * abs(target)
        and gradients.keys() == targets.keys()
        and all(map(is_near, targets))
    )


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by one with each SwiGLU of a fused block."""
    SEEN.clear()
    original = fused_blocks.swiglu
    monkeypatch.setattr(fused_blocks, "swiglu", lambda x: (SEEN.append(1), original(x))[1])
    return SEEN


@pytest.mark.parametrize("family", FAMILIES)
def test_padded_and_packed_rows(family: str, calls: list[int]) -> None:
    model = make(family)
    batches = [to_mlx(collate(ROWS, range(6), pack=pack)) for pack in (False, True)]
    assert packed_mask.can_pack(model, 256, mx.float32)[0]
    expected = [compute(model, batch) for batch in batches]
    assert not calls and fuse_blocks(model) == fuse_blocks(model) == ""
    assert all(agree(compute(model, batch), target) for batch, target in zip(batches, expected, strict=True))
    assert len(calls) == 2 * len(model.layers)


@pytest.mark.parametrize("family", FAMILIES)
def test_shared_beginnings(family: str, calls: list[int]) -> None:
    model = make(family)
    can_share, reason = packed_mask.can_share_prefix(model, 256, mx.float32)
    if not can_share and mx.default_device() != mx.cpu:
        pytest.skip(reason)  # a GPU's rounding: such a model's texts are not shared there
    assert can_share
    batch = to_mlx(collate(PAIRS, range(4), pack=True, share=True))
    assert batch.layout is not None and batch.layout.shared
    expected = compute(model, batch)
    assert fuse_blocks(model) == "" and agree(compute(model, batch), expected) and calls


@pytest.mark.parametrize("quantization", ["nf4", "int8", "affine-4"])
def test_packed_weights(quantization: str, calls: list[int]) -> None:
    model, batch = make("qwen3", quantization), to_mlx(collate(ROWS, range(6)))
    expected = compute(model, batch)
    assert fuse_blocks(model) == "" and agree(compute(model, batch), expected) and calls


@pytest.mark.parametrize("targets", ["q_proj,v_proj", "attention", "mlp.up_proj"])
def test_adapters_on_some_of_the_layers(targets: str, calls: list[int]) -> None:
    model, batch = make("qwen3", targets=targets), to_mlx(collate(ROWS, range(6)))
    expected = compute(model, batch)
    assert fuse_blocks(model) == "" and agree(compute(model, batch), expected) and calls


def test_checkpointing_before_and_after(calls: list[int]) -> None:
    model, batch = make("qwen3"), to_mlx(collate(ROWS, range(6)))
    expected, count = compute(model, batch), len(model.layers)
    checkpoint_blocks(model)
    assert fuse_blocks(model) == "" and agree(compute(model, batch), expected)
    assert len(calls) == 2 * count  # each block is computed again
    restore_blocks(model)
    assert agree(compute(model, batch), expected) and len(calls) == 3 * count
    checkpoint_blocks(model)
    assert agree(compute(model, batch), expected) and len(calls) == 5 * count


@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16])
def test_adapters_that_do_not_act_are_those_that_have_learned_nothing(dtype: mx.Dtype, calls: list[int]) -> None:
    model, batch = make("qwen3"), to_mlx(collate(ROWS, range(6)))
    model.set_dtype(dtype)
    with adapters.disable(model):
        own = token_logps(model, batch, None)
    assert fuse_blocks(model) == ""
    acting = token_logps(model, batch, None)
    before = len(calls)
    with adapters.disable(model):
        base = token_logps(model, batch, None)
    assert len(calls) == before + len(model.layers)
    assert mx.allclose(base, own, atol=1e-4 if dtype == mx.float32 else 0.1) and not mx.allclose(acting, own, atol=0.5)
    model.update(tree_map(mx.zeros_like, model.trainable_parameters()))
    assert mx.array_equal(base, token_logps(model, batch, None)).item()


def test_other_changes_take_the_models_own_way(calls: list[int]) -> None:
    model, batch = make("qwen3"), to_mlx(collate(ROWS, range(6)))
    assert fuse_blocks(model) == ""
    model.eval()
    model(mx.array([[1, 2, 3]]))
    model.train()
    expected = compute(model, batch)
    evaluate_blocks(model)
    before = len(calls)
    assert agree(compute(model, batch), expected) and len(calls) == before


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("options", [{}, {"targets": "v_proj,mlp.up_proj"}])
def test_writing_answers(
    family: str, options: dict[str, Any], calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_generate, "make_decoder", lambda _: None)  # which a processor has, and no GPU
    model = make(family, **options).eval()
    checkpoint_blocks(model)
    prompts, params = [[1, 5, 9], [2, 8, 4, 7, 7, 3, 11], [6, 6]], SamplingParams(max_tokens=12)
    generator = CompletionGenerator(model, (0,), batch_size=4, batched=True, stop=threading.Event())

    def write() -> list[tuple[int, int, tuple[int, ...], tuple[float, ...]]]:
        written = generator.generate(prompts, params, group_size=3)
        return sorted((c.prompt_index, c.sample_index, c.tokens, c.logps) for c in written)

    expected = write()
    assert not calls and fuse_blocks(model) == ""
    for _ in range(2):
        answers = write()
        assert calls and [a[:3] for a in answers] == [e[:3] for e in expected]
        assert all(a[3] == pytest.approx(e[3], abs=1e-4) for a, e in zip(answers, expected, strict=True))
        # What was put together for these answers is not used for the next, by other weights.
        model.update(tree_map(lambda t: 1.5 * t, model.trainable_parameters()))
        expected = unfused(model, write)


def unfused(model: Any, work: Callable[[], Any]) -> Any:
    """What `work` gives by the model's own blocks."""
    body, fused, before = model.model, type(model.model), len(SEEN)
    body.__class__ = fused.__mro__[2]
    try:
        return work()
    finally:
        body.__class__ = fused
        assert len(SEEN) == before


def test_validation() -> None:
    model, batch = make("qwen3"), to_mlx(collate(ROWS, range(6), pack=True))
    assert packed_mask.can_pack(model, 256, mx.float32)[0]
    head, _ = find_lm_head(model.eval(), mx.float32)
    expected = token_logps(model, batch, head)
    assert fuse_blocks(model) == ""
    assert mx.allclose(token_logps(model, batch, head), expected, atol=1e-4).item()


def test_weights_that_are_replaced_are_used() -> None:
    model, batch = make("qwen3"), to_mlx(collate(ROWS, range(6)))
    assert fuse_blocks(model) == ""
    first, linear = compute(model, batch), model.layers[0].self_attn.k_proj.linear
    linear.weight = 2 * linear.weight
    changed = compute(model, batch)
    linear.weight = linear.weight / 2
    assert changed[0] != first[0] and agree(compute(model, batch), first)


def test_weights_lie_in_memory_once(tmp_path: Path) -> None:
    model = make("qwen3")
    expected = {name: np.array(value) for name, value in tree_flatten(model.parameters())}
    mx.clear_cache()
    before = mx.get_active_memory()
    assert fuse_blocks(model) == ""
    weights = dict(tree_flatten(model.parameters()))
    assert weights.keys() == expected.keys()
    assert all(np.array_equal(np.array(weights[k]), expected[k]) for k in expected)
    joined = sum(v.nbytes for k, v in weights.items() if any(f"{n}_proj.linear.weight" in k for n in "qkv"))
    assert mx.get_active_memory() - before < joined / 4
    mx.save_safetensors(str(tmp_path / "model.safetensors"), weights)
    saved = mx.load(str(tmp_path / "model.safetensors"))
    assert all(np.array_equal(np.array(saved[k]), expected[k]) for k in expected)


def test_nothing_is_left_of_a_model_that_is_dropped() -> None:
    model = make("qwen3")
    assert fuse_blocks(model) == ""
    compute(model, to_mlx(collate(ROWS, range(6))))
    layer = weakref.ref(model.layers[0].self_attn.q_proj.linear)
    gc.collect()
    gc.disable()
    try:
        del model
        assert layer() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "family, options",
    [("gemma2", {}), ("mistral-window", {}), ("qwen3", {"type": "dora"}), ("qwen3", {"dropout": 0.1})],
)
def test_what_is_left_alone(family: str, options: dict[str, Any]) -> None:
    model = make(family, **options)
    body = type(model.model)
    assert fuse_blocks(model) and type(model.model) is body


def test_training_all_weights_is_left_alone() -> None:
    model = tiny("qwen3")
    adapters.attach(model, Adapter(type="full"))
    assert "something other than LoRA" in fuse_blocks(model)


@pytest.mark.skipif(not (mx.metal.is_available() or mx.cuda.is_available()), reason="needs a GPU")
def test_a_run_on_a_gpu_computes_so(calls: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(name: str) -> list[float]:
        run = Run.from_dict(
            {
                "backend": "gpu",
                "output": str(tmp_path / name),
                "data": {"path": "demo"},
                "train": {"steps": 6, "samples": 0},
                "model": {"dtype": "float32"},
            }
        )
        return [event.loss for event in train(run) if isinstance(event, Step)]

    fused, count = losses("fused"), len(calls)
    monkeypatch.setattr(model_setup, "fuse_blocks", lambda model: "not in this test")
    assert losses("plain") == pytest.approx(fused, rel=1e-2) and len(calls) == count > 0
