from collections.abc import Callable, Mapping
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_map
from mlx_lm.models.cache import make_prompt_cache

from core.adapters.layers import disable, saved_tensors
from core.ane.block import LINEARS
from core.ane.engine import Chunk, Engine, in_mlx
from core.ane.feed import lora_layers
from core.ane.gradient_check import check_gradients
from core.ane.program import chunk_spec
from core.ane.runner import RunnerError
from core.model.evaluated_blocks import evaluate_blocks
from tests.core.ane.tiny import add_lora, compile_chunk, relative_error, tiny_model

TOKENS = mx.random.randint(0, 64, (2, 90), key=mx.random.key(2))


@pytest.fixture(scope="module")
def engine_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Engine]:
    """Makes an engine over all blocks of a model, `size` to a chunk, evaluated in NumPy.

    Models of the same sizes have the same weights, so a program is compiled once.
    """
    compiled: dict[Any, Any] = {}

    def make(model: nn.Module, dtype: type = np.float32, taps: bool = True, size: int = 2) -> Engine:
        chunks = []
        for first in range(0, len(model.layers), size):
            blocks = model.layers[first : first + size]
            spec = chunk_spec(blocks, 128, taps=taps, dtype=dtype)
            key = (model.model_type, first, size, spec, tuple(spec.inputs))
            if key not in compiled:
                compiled[key] = compile_chunk(blocks, spec, tmp_path_factory.mktemp("chunk"))
            chunks.append(Chunk(blocks, spec, compiled[key], has_gradient=bool(lora_layers(blocks))))
        return Engine(chunks)

    return make


def loss_and_gradient(model: nn.Module) -> tuple[float, dict[str, mx.array]]:
    def loss(model: nn.Module) -> mx.array:
        return nn.losses.cross_entropy(model(TOKENS[:, :-1]).astype(mx.float32), TOKENS[:, 1:]).mean()

    value, grad = nn.value_and_grad(model, loss)(model)
    mx.eval(value, grad)
    return value.item(), dict(tree_flatten(grad))


def cosine(a: Any, b: Any) -> float:
    a, b = np.array(a, np.float64).ravel(), np.array(b, np.float64).ravel()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("taps", [True, False])
def test_gradients_are_those_of_mlx(taps: bool, engine_for: Callable[..., Engine]) -> None:
    model = add_lora(tiny_model("qwen3", blocks=3))
    loss, grad = loss_and_gradient(model)
    for dtype in (np.float32, np.float16) if taps else (np.float32,):
        engine = engine_for(model, dtype, taps)
        engine.install()
        got_loss, got = loss_and_gradient(model)
        engine.uninstall()
        assert engine.served == 2 and not engine.fallbacks
        assert set(got) == set(grad) and len(grad) == 42
        if dtype is np.float32:
            assert got_loss == pytest.approx(loss, abs=1e-6)
            assert max(relative_error(got[name], grad[name]) for name in grad) < 1e-5
        else:
            assert got_loss == pytest.approx(loss, abs=2e-3)
            assert min(cosine(got[name], grad[name]) for name in grad) > 0.999


class Broken:
    """A runner that goes wrong from its second call on."""

    def __init__(self, runner: Any, how: str) -> None:
        self.runner, self.how, self.calls = runner, how, 0

    def run(self, feed: Mapping[str, Any]) -> Mapping[str, Any]:
        outputs = dict(self.runner.run(feed))
        self.calls += 1
        if self.calls < 2:
            return outputs
        if self.how == "raises":
            raise RunnerError("Core ML could not compute (made up)")
        name = list(outputs)[-1 if self.how == "missing" else 0]
        if self.how == "missing":
            del outputs[name]
        else:
            outputs[name][0, 1, 0, 2] = np.nan
        return outputs


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("raises", "Core ML could not compute (made up)"),
        ("nan", "the program gave values that are not finite"),
        ("missing", "the program gave no block1_out"),
    ],
)
def test_a_failure_in_the_middle_of_a_step_is_finished_in_mlx(
    how: str, reason: str, engine_for: Callable[..., Engine]
) -> None:
    model = add_lora(tiny_model("qwen3", blocks=3))
    loss, grad = loss_and_gradient(model)
    engine = engine_for(model)
    engine.chunks[0].runner = Broken(engine.chunks[0].runner, how)  # fails at the second row of the batch
    engine.install()
    for _ in range(2):
        got_loss, got = loss_and_gradient(model)
        assert got_loss == pytest.approx(loss, abs=1e-6)
        assert max(relative_error(got[name], grad[name]) for name in grad) < 1e-5
    engine.uninstall()
    assert engine.failure == reason
    assert engine.served == 0 and engine.fallbacks == {"failed": 1, "switched off": 3}


def test_installing_changes_no_name_and_uninstalling_restores_every_class(engine_for: Callable[..., Engine]) -> None:
    model = add_lora(tiny_model("qwen3", blocks=3))
    classes, names = [type(m) for _, m in model.named_modules()], list(saved_tensors(model))
    engine = engine_for(model)
    engine.install()
    assert list(saved_tensors(model)) == names
    assert type(model.layers[0]) not in classes
    engine.uninstall()
    assert [type(m) for _, m in model.named_modules()] == classes


def test_calls_that_no_program_can_serve_go_to_mlx_and_are_counted(engine_for: Callable[..., Engine]) -> None:
    model = add_lora(tiny_model("qwen3", blocks=3))
    long, cached, one = mx.zeros((1, 129), mx.int32), TOKENS[:1, :20], TOKENS[:, :1]
    want = [model(long), model(cached, cache=make_prompt_cache(model)), model(one)]
    engine = engine_for(model)
    engine.install()
    got = [model(long), model(cached, cache=make_prompt_cache(model)), model(one)]
    assert all(mx.array_equal(a, b) for a, b in zip(want, got, strict=True))
    assert engine.served == 0 and engine.fallbacks == {"length": 2, "cache": 2, "mask": 2}


def test_blocks_below_the_first_adapter_have_no_gradient_and_need_none(engine_for: Callable[..., Engine]) -> None:
    model = tiny_model("qwen3", blocks=3)
    model.freeze()
    lora_linears = len(LINEARS)
    add_lora(model, first=2)
    loss, grad = loss_and_gradient(model)
    engine = engine_for(model, size=1)
    assert [chunk.has_gradient for chunk in engine.chunks] == [False, False, True]
    engine.install()
    got_loss, got = loss_and_gradient(model)
    assert engine.served == 3 and got_loss == pytest.approx(loss, abs=1e-6)
    assert len(got) == 2 * lora_linears and max(relative_error(got[name], grad[name]) for name in grad) < 1e-5


def test_adapters_that_are_switched_off_count_for_nothing(engine_for: Callable[..., Engine]) -> None:
    model = add_lora(tiny_model("qwen3", blocks=3))
    with disable(model):
        want = model(TOKENS)
        engine = engine_for(model)
        engine.install()
        assert relative_error(model(TOKENS), want) < 1e-5
    assert relative_error(model(TOKENS), want) > 0.01


def test_a_model_in_bfloat16(engine_for: Callable[..., Engine]) -> None:
    model = add_lora(tiny_model("qwen3", blocks=3))
    loss, _ = loss_and_gradient(model)
    model.update(tree_map(lambda p: p.astype(mx.bfloat16), model.parameters()))
    engine = engine_for(model, np.float16)
    engine.install()
    got_loss, grad = loss_and_gradient(model)
    assert engine.served == 2 and got_loss == pytest.approx(loss, abs=2e-2)
    assert {g.dtype for g in grad.values()} == {mx.bfloat16}


def test_a_comparison_with_mlx_switches_a_wrong_engine_off(engine_for: Callable[..., Engine]) -> None:
    model = add_lora(tiny_model("qwen3", blocks=3))
    engine = engine_for(model)
    engine.install()
    engine.compare_next(1)
    model(TOKENS)
    assert 0 < engine.largest_error < 1e-5 and not engine.failure
    model.layers[2].mlp.down_proj.linear.weight *= 1.5  # the program was made of other weights
    engine.compare_next(3)
    model(TOKENS)
    assert "differ from MLX's by" in engine.failure


def test_blocks_that_are_evaluated_one_by_one_meanwhile(engine_for: Callable[..., Engine]) -> None:
    """What a GPU's failure puts around the blocks while programs compute them: MLX computes them afterwards."""
    model = add_lora(tiny_model("qwen3", blocks=3))
    _, grad = loss_and_gradient(model)
    want = model(TOKENS[:, :-1])
    engine = engine_for(model)
    engine.install()
    evaluate_blocks(model)
    engine.uninstall()
    _, got = loss_and_gradient(model)
    assert engine.served == 0 and max(relative_error(got[name], grad[name]) for name in grad) < 1e-5
    engine.install()
    assert relative_error(model(TOKENS[:, :-1]), want) < 1e-5 and engine.served == 2


def test_a_compiled_step_says_that_it_cannot_be(engine_for: Callable[..., Engine]) -> None:
    """The host computes in the middle: a step must not be compiled, which the selection sees to."""
    model = add_lora(tiny_model("qwen3", blocks=3))
    engine = engine_for(model)
    engine.install()
    mx.enable_compile()
    try:
        with pytest.raises(ValueError, match="eval"):
            mx.compile(lambda tokens: model(tokens))(TOKENS)
    finally:
        mx.disable_compile()


def test_gradients_are_checked_before_the_first_step(engine_for: Callable[..., Engine]) -> None:
    model = add_lora(tiny_model("qwen3", blocks=3))
    for _, _, layer in lora_layers(model.layers):
        layer.lora_b = mx.zeros_like(layer.lora_b)  # as at the start of a run
    before = {name: np.array(value) for name, value in tree_flatten(model.trainable_parameters())}
    engine = engine_for(model)
    engine.install()
    assert 0.9999 < check_gradients(engine) <= 1.0001 and not engine.failure
    after = dict(tree_flatten(model.trainable_parameters()))
    assert all(np.array_equal(before[name], after[name]) for name in before)


def without_vjp(chunk: Chunk, x: mx.array, outputs: Any) -> mx.array:
    """A function without a derivative of its own: zeros, in silence."""
    return mx.custom_function(lambda x: outputs[chunk.spec.outputs[-1]])(x)


def capturing(chunk: Chunk, x: mx.array, outputs: Any) -> mx.array:
    """A function with a derivative to its input, which captures the adapters instead of taking them."""

    @mx.custom_function
    def forward(x: mx.array) -> mx.array:
        return outputs[chunk.spec.outputs[-1]]

    @forward.vjp
    def backward(x: mx.array, grad: mx.array, y: mx.array) -> mx.array:
        return mx.vjp(lambda x: in_mlx(chunk, x), [x], [grad])[1][0]

    return forward(x)


@pytest.mark.parametrize("differentiable", [without_vjp, capturing])
def test_adapters_that_get_no_gradient_are_noticed(differentiable: Any, engine_for: Any, monkeypatch: Any) -> None:
    engine = engine_for(add_lora(tiny_model("qwen3", blocks=3)))
    engine.install()
    monkeypatch.setattr("core.ane.engine.differentiable", differentiable)
    check_gradients(engine)
    assert engine.failure == "the gradient of block0_q is not MLX's (cosine 0.000)"
