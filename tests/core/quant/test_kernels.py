"""Our GPU kernels: what they compute where there is a GPU, and what happens where they do not work."""

from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core.quant import fourbit, kernels, nf4
from core.quant.packed import dequantize, multiply, quantize

gpu = pytest.mark.skipif(not (mx.metal.is_available() or mx.cuda.is_available()), reason="needs a GPU")


@pytest.fixture
def on_gpu() -> Any:
    device = mx.default_device()
    mx.set_default_device(mx.gpu)
    yield
    mx.set_default_device(device)


def weights(outputs: int, inputs: int) -> mx.array:
    return mx.array(np.random.default_rng(outputs).normal(size=(outputs, inputs)).astype(np.float32))


def test_a_cpu_keeps_the_plain_operations() -> None:
    mx.set_default_device(mx.cpu)
    packed = quantize(weights(8, 64), "nf4")
    assert "GPU" in kernels.unavailable_reason()
    assert multiply(mx.ones((1, 64)), packed) is None


@gpu
@pytest.mark.parametrize("mode", ["nf4", "fp4"])
@pytest.mark.parametrize("shape", [(64, 64), (3, 72), (5, 13), (1, 1), (1024, 1032)])
@pytest.mark.parametrize("dtype", [mx.float32, mx.bfloat16, mx.float16])
def test_unpacking_gives_the_plain_operations_bits(
    mode: str, shape: tuple[int, int], dtype: mx.Dtype, on_gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kernels.unavailable_reason() == ""
    packed = quantize(weights(*shape), mode, double=True)
    quick = dequantize(packed, dtype)
    mx.eval(quick)
    monkeypatch.setattr(kernels, "unavailable_reason", lambda: "not in this test")
    assert mx.array_equal(quick, dequantize(packed, dtype)).item()


@gpu
@pytest.mark.parametrize("mode", ["nf4", "fp4", "int8"])
@pytest.mark.parametrize("rows", [1, 2, 4])
@pytest.mark.parametrize("shape", [(64, 64), (3, 72), (1000, 1032), (4096, 512)])
def test_a_product_from_codes_is_that_with_the_dense_matrix(
    mode: str, rows: int, shape: tuple[int, int], on_gpu: None
) -> None:
    packed = quantize(weights(*shape), mode)
    x = mx.array(np.random.default_rng(rows).normal(size=(1, rows, shape[1])).astype(np.float32))
    product = multiply(x, packed)
    assert product is not None and product.shape == (1, rows, shape[0])
    expected = np.array(x[0]).astype(np.float64) @ np.array(dequantize(packed)).astype(np.float64).T
    assert np.linalg.norm(np.array(product[0]) - expected) <= 1e-5 * np.linalg.norm(expected)


@gpu
def test_rows_that_are_no_whole_words_of_codes_or_too_many_take_the_other_way(on_gpu: None) -> None:
    assert multiply(mx.ones((1, 13)), quantize(weights(5, 13), "nf4")) is None
    assert multiply(mx.ones((5, 64)), quantize(weights(5, 64), "nf4")) is None


@pytest.mark.parametrize(
    ("broken_unpack", "message"),
    [
        (lambda codes, scales, table, dtype: mx.zeros(2 * codes.size), "wrong numbers"),
        (lambda *_: (_ for _ in ()).throw(RuntimeError("no such word: simd_sum\nmore")), "no such word: simd_sum"),
    ],
    ids=["wrong", "failing"],
)
def test_a_gpu_on_which_they_do_not_work_is_noticed(
    broken_unpack: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "unpack", broken_unpack)
    monkeypatch.setattr(kernels, "multiply", lambda x, codes, scales, outputs, table: mx.zeros((len(x), outputs)))
    reason = kernels._test_kernels.__wrapped__()
    assert message in reason and "\n" not in reason


def test_both_dialects_come_from_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Metal source cannot be compiled here; that no word of CUDA is left in it can be seen."""
    sources: dict[str, dict[str, Any]] = {}
    for metal in (True, False):
        name = "metal" if metal else "cuda"
        monkeypatch.setattr(mx.metal, "is_available", lambda metal=metal: metal)
        for maker in ("metal_kernel", "cuda_kernel"):
            monkeypatch.setattr(
                mx.fast, maker, lambda dialect=name, **arguments: sources.setdefault(dialect, arguments)
            )
        kernel = kernels._build_kernel.__wrapped__("multiply", kernels._as_tuple(nf4.TABLE))
        if not metal:
            kernel._plain  # noqa: B018 - MLX's own way, from the same text
    assert set(sources["metal"]["source"].split()) != set(sources["cuda"]["source"].split())
    for word in ("__", "blockIdx", "warp_sum"):
        assert word not in sources["metal"]["source"] + sources["metal"]["header"]
    for word in ("thread_position", "simd_", "device "):
        assert word not in sources["cuda"]["source"].replace("__device__ ", "")
    assert "$" not in "".join(arguments[part] for arguments in sources.values() for part in ("source", "header"))


def test_the_plain_way_is_taken_where_the_kernels_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = quantize(weights(4, 64), "nf4")
    monkeypatch.setattr(kernels, "unavailable_reason", lambda: "not in this test")
    monkeypatch.setattr(kernels, "unpack", lambda *_: pytest.fail("a kernel was used"))
    assert fourbit.dequantize(packed.codes, packed.scales, nf4.TABLE, packed.shape, mx.float32).shape == (4, 64)
