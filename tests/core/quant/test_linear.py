"""The packed linear layer against the dense layer it stands for: values, gradients, memory."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import pytest
from mlx.utils import tree_flatten

from core import quant
from core.quant import PackedLinear, linear_weight, mlx_linear
from core.quant import linear as layers

on_cpu = pytest.mark.skipif(
    mx.default_device() == mx.gpu, reason="a GPU works ahead: what is in flight at a time varies"
)
MODES = [("nf4", False), ("nf4", True), ("fp4", False), ("fp4", True), ("int8", False)]
every_mode = pytest.mark.parametrize(("mode", "double"), MODES, ids=[m + "-double" * d for m, d in MODES])


def make(mode: str = "nf4", double: bool = False, inputs: int = 72, outputs: int = 40, bias: bool = True) -> nn.Module:
    mx.random.seed(5)
    return PackedLinear.from_linear(nn.Linear(inputs, outputs, bias=bias), mode, double)


def unpacked(layer: PackedLinear) -> nn.Linear:
    """The dense layer with the same weights."""
    twin = nn.Linear(layer.input_dims, layer.output_dims, bias="bias" in layer)
    twin.weight = linear_weight(layer)
    if "bias" in layer:
        twin.bias = layer.bias
    return twin


def loss(layer: nn.Module, x: mx.array) -> mx.array:
    return (mx.tanh(layer(x)) ** 2).sum()


@every_mode
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradient_are_the_dense_layers(mode: str, double: bool, bias: bool) -> None:
    layer = make(mode, double, bias=bias)
    twin = unpacked(layer)
    x = mx.random.normal((2, 3, 72), key=mx.random.key(6))
    result, expected = mx.value_and_grad(lambda x: loss(layer, x))(x), mx.value_and_grad(lambda x: loss(twin, x))(x)
    assert expected[1].abs().max().item() > 0.1
    assert mx.allclose(result[0], expected[0], atol=1e-5) and mx.abs(result[1] - expected[1]).max().item() < 1e-5
    assert layer(x[0, 0]).shape == (40,)  # a single row, no batch


@pytest.mark.parametrize("dtype", [mx.float16, mx.bfloat16], ids=str)
def test_it_computes_in_its_inputs_precision(dtype: mx.Dtype) -> None:
    layer = make()
    x = mx.random.normal((4, 72), key=mx.random.key(6)).astype(dtype)
    y, dx = layer(x), mx.grad(lambda x: loss(layer, x))(x)
    assert y.dtype == dtype and dx.dtype == dtype
    expected = unpacked(layer)(x.astype(mx.float32))
    assert mx.abs(y - expected).max().item() < 0.02


def test_nothing_of_it_is_trainable() -> None:
    layer = make(double=True)
    assert {k for k, _ in tree_flatten(layer.parameters())} == {
        "codes",
        "scales",
        "nested_scales",
        "nested_mean",
        "bias",
    }
    assert not tree_flatten(layer.trainable_parameters())
    assert sum(v.dtype == mx.uint8 for _, v in tree_flatten(layer.parameters())) == 2


class Block(nn.Module):
    """A packed layer with a small trained part beside it, as an adapter would."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear
        inputs, outputs = quant.linear_dims(linear)
        self.a = mx.random.normal((inputs, 2)) * 0.1
        self.b = mx.random.normal((2, outputs)) * 0.1

    def __call__(self, x: mx.array) -> mx.array:
        return mx.tanh(self.linear(x) + (x @ self.a) @ self.b)


def stack(count: int, width: int, mode: str = "nf4") -> nn.Sequential:
    mx.random.seed(7)
    model = nn.Sequential(*[Block(make(mode, inputs=width, outputs=width)) for _ in range(count)])
    mx.eval(model.parameters())
    return model


def plain(x: mx.array, codes: mx.array, unpack: Callable[[mx.array, mx.Dtype], mx.array], *_: Any) -> mx.array:
    """The product as one would first write it."""
    return x @ unpack(codes, x.dtype).T


def step(model: nn.Module, x: mx.array) -> tuple[float, dict[str, mx.array]]:
    value, grads = nn.value_and_grad(model, lambda x: (model(x) ** 2).sum())(x)
    mx.eval(value, grads)
    return value.item(), dict(tree_flatten(grads))


def agree(a: dict[str, mx.array], b: dict[str, mx.array]) -> bool:
    return a.keys() == b.keys() and all(mx.allclose(a[k], b[k], rtol=1e-4, atol=1e-5) for k in a)


def test_the_gradient_reaches_what_lies_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model = stack(3, 64)
    x = mx.random.normal((5, 64), key=mx.random.key(8))
    value, grads = step(model, x)
    assert len(grads) == 6 and all(g.abs().max().item() > 1e-3 for g in grads.values())
    monkeypatch.setattr(layers, "packed_matmul", plain)
    expected, expected_grads = step(model, x)
    assert value == pytest.approx(expected, rel=1e-6) and agree(grads, expected_grads)


def test_checkpointing_changes_nothing() -> None:
    model = stack(3, 64, "int8")
    x = mx.random.normal((5, 64), key=mx.random.key(8))
    _, expected = step(model, x)
    inner = list(model.layers)

    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = inner

        def __call__(self, x: mx.array) -> mx.array:
            for layer in self.layers:
                x = nn.utils.checkpoint(layer)(x)
            return x

    assert agree(step(Checkpointed(), x)[1], expected)


@pytest.fixture
def compiling() -> Iterator[None]:
    if not mx.metal.is_available() and shutil.which("g++") is None:
        pytest.skip("on a CPU mx.compile needs g++")
    mx.enable_compile()
    yield
    mx.disable_compile()


def compiled(model: nn.Module) -> Callable[[mx.array], tuple[mx.array, dict]]:
    graded = nn.value_and_grad(model, lambda x: (model(x) ** 2).sum())
    return mx.compile(graded, inputs=model.state, outputs=model.state)


def test_compile_changes_nothing(compiling: None) -> None:
    model = stack(2, 64, "fp4")
    x = mx.random.normal((5, 64), key=mx.random.key(8))
    value, expected = step(model, x)
    run = compiled(model)
    for _ in range(2):
        compiled_value, grads = run(x)
        assert compiled_value.item() == pytest.approx(value, rel=1e-6)
        assert agree(dict(tree_flatten(grads)), expected)


def peak(work: Callable[[], object]) -> int:
    """Bytes that some work needs at most beside what is there before it."""
    mx.synchronize()
    start = mx.get_active_memory()
    mx.reset_peak_memory()
    work()
    return mx.get_peak_memory() - start


@on_cpu
def test_no_dense_matrix_lives_from_forward_to_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    width, matrix = 384, 4 * 384 * 384
    x = mx.random.normal((4, width), key=mx.random.key(8))
    shallow, deep = stack(12, width), stack(36, width)
    few, many = peak(lambda: step(shallow, x)), peak(lambda: step(deep, x))
    # Three times the layers: no more than what MLX has in flight at any one time, and the small gradients.
    assert many < few + 3 * matrix and many < 12 * matrix
    monkeypatch.setattr(layers, "packed_matmul", plain)
    assert peak(lambda: step(deep, x)) > 30 * matrix  # this is what it would be


@on_cpu
def test_compiled_too_it_keeps_no_dense_matrix(compiling: None) -> None:
    width, matrix = 384, 4 * 384 * 384
    x = mx.random.normal((4, width), key=mx.random.key(8))
    run = compiled(stack(36, width))
    mx.eval(run(x))
    assert peak(lambda: mx.eval(run(x))) < 14 * matrix


def test_the_same_questions_for_every_kind_of_linear_layer() -> None:
    linear = nn.Linear(128, 40)
    kinds = [linear, nn.QuantizedLinear.from_linear(linear), make("nf4", inputs=128), make("int8", inputs=128)]
    for layer in kinds:
        assert quant.is_linear(layer)
        assert quant.is_packed(layer) == (layer is not linear)
        assert quant.linear_dims(layer) == (128, 40)
        assert linear_weight(layer).shape == (40, 128) and linear_weight(layer, mx.float16).dtype == mx.float16
        assert quant.count_weights(nn.Sequential(layer, nn.RMSNorm(40))) == 128 * 40 + 40 + 40
        x = mx.random.normal((3, 128), key=mx.random.key(9))
        assert mx.allclose(layer(x), x @ linear_weight(layer).T + layer.bias, atol=1e-4)
    assert not quant.is_linear(nn.RMSNorm(4)) and not quant.is_packed(nn.RMSNorm(4))
    assert not quant.is_linear(nn.QuantizedEmbedding(8, 64)) and quant.is_packed(nn.QuantizedEmbedding(8, 64))


@pytest.mark.parametrize(("mode", "bits", "group"), [("affine", 4, 32), ("affine", 8, 64), ("mxfp4", 4, 32)])
def test_mlx_layers_give_the_same_with_the_quicker_product(
    mode: str, bits: int, group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = nn.Sequential(nn.QuantizedLinear.from_linear(nn.Linear(128, 40), group, bits, mode))
    x = mx.random.normal((2, 30, 128), key=mx.random.key(10))
    expected = mx.value_and_grad(lambda x: loss(reference, x))(x)
    model = nn.Sequential(nn.QuantizedLinear.from_linear(nn.Linear(128, 40), group, bits, mode))
    model.update(reference.parameters())
    assert quant.replace_quantized_layers(model) == 1 and quant.replace_quantized_layers(model) == 0
    assert isinstance(model.layers[0], nn.QuantizedLinear) and quant.linear_dims(model.layers[0]) == (128, 40)
    assert not tree_flatten(model.trainable_parameters())
    products = []
    monkeypatch.setattr(mlx_linear, "packed_matmul", lambda *a: products.append(1) or layers.packed_matmul(*a))
    for rows, times in ((2, 0), (60, 1)):
        monkeypatch.setattr(mlx_linear, "max_direct_rows", lambda width: 8)
        products.clear()
        model(x.reshape(60, 128)[:rows])
        assert len(products) == times
    value, gradient = mx.value_and_grad(lambda x: loss(model, x))(x)
    assert mx.allclose(value, expected[0], rtol=1e-5) and mx.abs(gradient - expected[1]).max().item() < 1e-5
    assert mx.array_equal(model(x[0, :2]), reference(x[0, :2]))


def test_an_embedding_that_is_the_last_layer_too_takes_the_quicker_product() -> None:
    reference = nn.Sequential(nn.QuantizedEmbedding.from_embedding(nn.Embedding(40, 128), 32, 4, "affine"))
    x, tokens = mx.random.normal((2, 30, 128), key=mx.random.key(11)), mx.array([[3, 39]])
    model = nn.Sequential(nn.QuantizedEmbedding.from_embedding(nn.Embedding(40, 128), 32, 4, "affine"))
    model.update(reference.parameters())
    assert quant.replace_quantized_layers(model) == 1 and quant.is_packed(model.layers[0])
    assert not tree_flatten(model.trainable_parameters())
    assert mx.array_equal(model(tokens), reference(tokens))
    last, expected = model.layers[0].as_linear, reference.layers[0].as_linear
    assert mx.allclose(last(x), expected(x), atol=1e-4) and mx.array_equal(last(x[0, :2]), expected(x[0, :2]))
    gradients = [mx.grad(lambda x, f=f: mx.square(f(x)).sum())(x) for f in (last, expected)]
    assert mx.allclose(*gradients, rtol=1e-4, atol=1e-3)


@pytest.mark.skipif(not mx.cuda.is_available(), reason="of MLX's kernels for CUDA")
@pytest.mark.parametrize("width", [64, 192, 320, 576, 960, 1152])
@pytest.mark.parametrize("mode", ["affine-4", "affine-8", "mxfp4"])
def test_products_of_any_width_are_right_on_cuda(mode: str, width: int) -> None:
    layer = mlx_linear.QuantizedLinear.pack(nn.Linear(width, 96), quant.MODES[mode])
    for rows in (1, 2, 8, 32, 64):
        x = mx.random.normal((rows, width))
        expected = x @ linear_weight(layer, mx.float32).T + layer.bias
        assert mx.allclose(layer(x), expected, rtol=1e-2, atol=1e-2), rows
