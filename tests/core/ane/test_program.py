import subprocess
import sys
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from core.ane.feed import feed
from core.ane.program import chunk_spec
from core.quant import quantize_model
from tests.core.ane.evaluator import OPS
from tests.core.ane.tiny import LLAMA3, add_lora, compile_chunk, mlx_outputs, program_output, relative_error, tiny_model

ROOT = Path(__file__).resolve().parents[3]
FP32, FP16 = 1e-5, 2e-3


BOTH = ((np.float32, FP32), (np.float16, FP16))
EXACT = BOTH[:1]  # where the half precision adds nothing to what other programs show of it


def check(model, folder: Path, n: int = 100, length: int = 128, precisions=BOTH) -> None:
    blocks = list(model.layers)
    x = mx.random.normal((1, n, blocks[0].hidden_size), key=mx.random.key(5))
    want = mlx_outputs(blocks, x)[-1]
    for dtype, limit in precisions:
        got, evaluator = program_output(blocks, x, folder, dtype, length)
        assert evaluator.kinds <= set(OPS)
        assert got.dtype == dtype
        assert relative_error(got, want) < limit


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_a_program_gives_what_the_block_gives(family: str, tmp_path: Path) -> None:
    check(add_lora(tiny_model(family)), tmp_path, precisions=EXACT if family == "mistral" else BOTH)  # of llama's class


@pytest.mark.slow
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 1), (8, 2), (2, 1)])
def test_every_sharing_of_keys(heads: int, kv_heads: int, tmp_path: Path) -> None:
    check(add_lora(tiny_model("qwen3", heads=heads, kv_heads=kv_heads)), tmp_path)


@pytest.mark.parametrize(
    "scaling", [pytest.param({"type": "linear", "factor": 4.0}, marks=pytest.mark.slow), pytest.param(LLAMA3)]
)
def test_every_kind_of_rope(scaling: dict, tmp_path: Path) -> None:
    check(add_lora(tiny_model("llama", rope_scaling=scaling)), tmp_path, n=128)


@pytest.mark.slow
@pytest.mark.parametrize("length", [256, 512, 1024])
def test_every_length_and_texts_shorter_than_it(length: int, tmp_path: Path) -> None:
    check(add_lora(tiny_model("qwen3")), tmp_path, n=length - 7, length=length)


@pytest.mark.slow
def test_a_chunk_of_three_blocks(tmp_path: Path) -> None:
    model = add_lora(tiny_model("qwen3", blocks=3))
    spec = chunk_spec(model.layers, 128)
    assert len(spec.inputs) == 43 and len(spec.outputs) == 21
    check(model, tmp_path)


def test_blocks_without_adapters_and_with_adapters_on_some_linears(tmp_path: Path) -> None:
    check(tiny_model("llama"), tmp_path, precisions=EXACT)
    model = add_lora(tiny_model("llama"), rank=33, only=("q", "v", "down"))
    assert chunk_spec(model.layers, 128).inputs["block0_down_a"] == (1, 64, 1, 96)
    check(model, tmp_path, precisions=EXACT)


def test_padding_the_rank_changes_nothing(tmp_path: Path) -> None:
    model = add_lora(tiny_model("llama"), rank=5)
    blocks, x = list(model.layers), mx.random.normal((1, 128, 64), key=mx.random.key(1))
    got, evaluator = program_output(blocks, x, tmp_path, np.float32)
    spec = chunk_spec(blocks, 128, dtype=np.float32)
    values = feed(blocks, spec, x)
    for name in values:  # what stands in the columns beyond the rank meets rows of zeros
        if name.endswith("_a"):
            values[name][:, 5:] = 1e3
    assert np.array_equal(evaluator.run(values)[spec.outputs[-1]][:, :, 0].swapaxes(1, 2), got)


def test_large_values_do_not_overflow_in_the_norms(tmp_path: Path) -> None:
    model = add_lora(tiny_model("llama"))
    blocks, x = list(model.layers), mx.random.normal((1, 64, 64), key=mx.random.key(1))
    x[0, 3, 7] = 2000.0  # its square is 60 times what float16 holds
    want = np.array(mlx_outputs(blocks, x)[-1])
    got, _ = program_output(blocks, x, tmp_path, np.float16)
    others = np.arange(64) != 7
    for token in range(64):
        assert relative_error((got - np.array(x))[0, token, others], (want - np.array(x))[0, token, others]) < 1e-2


def test_a_base_in_four_bits_is_taken_as_the_dense_matrix_it_stands_for(tmp_path: Path) -> None:
    model = tiny_model("llama", hidden_size=64, intermediate_size=128)
    quantize_model(model, "nf4")
    check(add_lora(model), tmp_path, precisions=EXACT)


def test_the_taps_are_what_the_linears_give(tmp_path: Path) -> None:
    model = add_lora(tiny_model("qwen2"))
    (block,), x = model.layers, mx.random.normal((1, 128, 64), key=mx.random.key(1))
    spec = chunk_spec([block], 128, dtype=np.float32)
    outputs = compile_chunk([block], spec, tmp_path).run(feed([block], spec, x))
    normed = block.input_layernorm(x)
    for name in ("q", "k", "v"):
        want = np.array(block.self_attn[f"{name}_proj"](normed)).swapaxes(1, 2)[:, :, None]
        assert relative_error(outputs[f"block0_{name}_out"], want) < FP32
    h = x + block.self_attn(normed, "causal")
    normed = block.post_attention_layernorm(h)
    for name in ("gate", "up"):
        want = np.array(block.mlp[f"{name}_proj"](normed)).swapaxes(1, 2)[:, :, None]
        assert relative_error(outputs[f"block0_{name}_out"], want) < FP32
    assert relative_error(outputs["block0_o_out"], np.array(h - x).swapaxes(1, 2)[:, :, None]) < FP32


def test_a_weight_beyond_the_precision_is_refused(tmp_path: Path) -> None:
    model = tiny_model("llama")
    model.layers[0].mlp.up_proj.weight[0, 0] = 1e5
    with pytest.raises(ValueError, match="too large for float16"):
        compile_chunk(list(model.layers), chunk_spec(model.layers, 128), tmp_path)


def test_nothing_is_printed(tmp_path: Path) -> None:
    """In a process of its own, where coremltools is imported for the first time."""
    script = (
        "from pathlib import Path; from core.ane.program import chunk_spec, save_program\n"
        "from tests.core.ane.tiny import tiny_model\n"
        "blocks = list(tiny_model('llama').layers)\n"
        f"save_program(blocks, chunk_spec(blocks, 128), Path({str(tmp_path / 'a.mlpackage')!r}))"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_a_block_of_a_small_real_model_s_size(family: str, tmp_path: Path) -> None:
    sizes = {"hidden_size": 1024, "intermediate_size": 3072, "head_dim": 128, "heads": 16, "kv_heads": 8}
    check(add_lora(tiny_model(family, **sizes)), tmp_path, n=128)
