"""Codes and scales against bitsandbytes' own (tests/reference/make_quant.py), bit for bit."""

import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from core import quant
from core.errors import BadModel, BadOption
from core.quant import double, fourbit
from core.quant.modes import MODES
from core.quant.packed import dequantize, quantize

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "reference" / "quant"
NAMES = sorted(p.stem for p in FOLDER.glob("*.safetensors") if p.stem != "dynamic-map")


def reference(name: str) -> dict[str, mx.array]:
    return mx.load(str(FOLDER / f"{name}.safetensors"))


def equal_bits(a: mx.array, b: mx.array) -> bool:
    """Equal bit for bit, in type and shape too."""
    return a.dtype == b.dtype and a.shape == b.shape and np.array(a).tobytes() == np.array(b).tobytes()


def test_the_reference_files_are_there() -> None:
    assert {"one", "odd", "rows-of-37", "zeros", "zeros-odd", "outliers", "borders", "large"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", ["nf4", "fp4", "int8"])
def test_codes_and_scales_are_those_of_bitsandbytes(name: str, mode: str) -> None:
    expected = reference(name)
    packed = quantize(expected["weight"], mode)
    assert equal_bits(packed.codes, expected[f"{mode}.codes"])
    assert equal_bits(packed.scales, expected[f"{mode}.scales"])
    if f"{mode}.matrix" in expected:
        assert equal_bits(dequantize(packed), expected[f"{mode}.matrix"])
    assert packed.shape == expected["weight"].shape


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mode", ["nf4", "fp4"])
def test_double_quantization_is_that_of_bitsandbytes(name: str, mode: str) -> None:
    expected = reference(name)
    mean = expected[f"{mode}.nested.mean"]
    codes, nested = double.quantize(expected[f"{mode}.scales"], mean.item())
    assert equal_bits(codes, expected[f"{mode}.nested.codes"])
    assert equal_bits(nested.scales, expected[f"{mode}.nested.scales"])
    assert equal_bits(nested.mean, mean)

    # With its own mean, which PyTorch sums in another order: the last bits of one number differ, no more.
    packed = quantize(expected["weight"], mode, double=True)
    assert packed.nested is not None
    assert np.array(packed.nested.mean) == pytest.approx(np.array(mean), rel=2e-7)
    assert (packed.scales != expected[f"{mode}.nested.codes"]).sum().item() == 0
    np.testing.assert_allclose(packed.nested.scales, nested.scales, rtol=1e-6, atol=2e-7 * abs(mean.item()))


def test_the_dynamic_map_is_that_of_bitsandbytes() -> None:
    assert equal_bits(mx.array(double.dynamic_map()), reference("dynamic-map")["map"])


def test_double_quantized_scales_come_back_close() -> None:
    scales = mx.random.uniform(0.01, 0.05, (700,), key=mx.random.key(1))
    codes, nested = double.quantize(scales)
    assert codes.dtype == mx.uint8 and nested.scales.shape == (3,)
    assert mx.abs(double.dequantize(codes, nested) - scales).max().item() < 0.02 * 0.05


@pytest.mark.parametrize("mode", ["nf4", "fp4", "int8"])
def test_what_is_packed_stays_so_when_packed_again(mode: str) -> None:
    weight = mx.random.normal((24, 40), key=mx.random.key(2))
    unpacked = dequantize(quantize(weight, mode))
    assert mx.array_equal(dequantize(quantize(unpacked, mode)), unpacked)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16], ids=str)
def test_every_mode_gives_back_about_what_went_in(mode: str, dtype: mx.Dtype) -> None:
    weight = mx.random.normal((32, 128), key=mx.random.key(3)).astype(dtype)
    packed = quantize(weight, mode)
    unpacked = dequantize(packed, dtype)
    assert unpacked.dtype == dtype and unpacked.shape == weight.shape
    error = mx.abs(unpacked - weight).mean().item() / mx.abs(weight).mean().item()
    assert error < {2: 0.5, 3: 0.25, 4: 0.13}.get(MODES[mode].bits, 0.06)
    assert packed.nbytes * 8 / weight.size <= MODES[mode].stored_bits() + 0.5  # affine keeps float32 scales in float32


def test_tiles_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    from core.quant import int8

    weight = mx.random.normal((7, 37), key=mx.random.key(4))
    untiled = [quantize(weight, mode) for mode in ("nf4", "int8")]
    monkeypatch.setattr(fourbit, "_TILE", 64)
    monkeypatch.setattr(int8, "_TILE", 64)
    for packed in untiled:
        tiled = quantize(weight, packed.mode)
        assert equal_bits(tiled.codes, packed.codes) and equal_bits(tiled.scales, packed.scales)


def test_mistakes_are_said_in_one_sentence() -> None:
    weight = mx.zeros((4, 48))
    with pytest.raises(BadOption, match=r"There is no quantization 'q4'; there are nf4, fp4, int8, "):
        quantize(weight, "q4")
    with pytest.raises(BadOption, match="Double quantization packs the scales of nf4 and fp4; int8 has none"):
        quantize(weight, "int8", double=True)
    with pytest.raises(BadModel, match="groups of 64, and 48 inputs are no multiple"):
        quantize(weight, "affine-4")
    with pytest.raises(BadModel, match="not finite"):
        quantize(mx.full((4, 48), float("nan")), "nf4")
    with pytest.raises(BadModel, match="not finite"):
        quantize(mx.full((4, 48), float("inf")), "int8")
    with pytest.raises(BadModel, match="no matrix, but has 3 dimensions"):
        quantize(mx.zeros((2, 4, 48)), "nf4")


def test_the_table_of_modes_is_read_without_mlx() -> None:
    code = "import core.quant, sys; core.quant.MODES; print('mlx.core' in sys.modules, 'numpy' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.split() == ["False", "False"]


def test_every_public_name_is_there() -> None:
    assert all(getattr(quant, name) is not None for name in quant.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nf5'"):
        _ = quant.nf5  # type: ignore[attr-defined]
