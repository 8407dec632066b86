"""Packed weights in files: bitsandbytes' layout, so that transformers loads what Hone packs, and Hone what it packs.

A 4-bit layer X is X.weight (codes, uint8 [ceil(n / 2), 1]), X.weight.absmax (scales), X.weight.quant_map (the table),
with packed scales X.weight.nested_absmax and nested_quant_map, and X.weight.quant_state.bitsandbytes__nf4: everything
else, as the bytes of a JSON text. An 8-bit layer is X.weight (int8) and X.SCB (scales).
"""

import json
import math
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np

from core.errors import BadModel
from core.quant import double as nesting
from core.quant import fourbit, fp4, nf4
from core.quant.double import NestedScales
from core.quant.linear import PackedExperts, PackedLinear
from core.quant.packed import Packed, dequantize
from core.text.sentence import say

METHOD = "bitsandbytes"
_TABLES = {"nf4": nf4.TABLE, "fp4": fp4.TABLE}
_STATE_SUFFIX = ".weight.quant_state.bitsandbytes__"


def packed_tensors(name: str, layer: PackedLinear | PackedExperts, dtype: str) -> dict[str, mx.array]:
    """The tensors of a packed layer in a file, by name, without its bias.

    `name` is that of the layer, `dtype` the precision it was packed from ("float32", "bfloat16" or "float16").
    """
    packed = layer.packed
    shape: tuple[int, ...] = packed.shape
    if isinstance(layer, PackedExperts):  # bitsandbytes has no form for these: only Hone reads them
        shape = (layer.num_experts, layer.output_dims, layer.input_dims)
    if packed.mode == "int8":
        return {
            f"{name}.weight": packed.codes.reshape(shape),
            f"{name}.SCB": packed.scales,
            f"{name}.weight_format": mx.array(0, dtype=mx.uint8),
        }
    state: dict[str, Any] = {"quant_type": packed.mode, "blocksize": fourbit.BLOCK, "dtype": dtype}
    state |= {"shape": list(shape)}
    tensors = {
        f"{name}.weight": packed.codes.reshape(-1, 1),
        f"{name}.weight.absmax": packed.scales,
        f"{name}.weight.quant_map": mx.array(_TABLES[packed.mode]),
    }
    if packed.nested is not None:
        state |= {"nested_blocksize": nesting.BLOCK, "nested_dtype": "float32"}
        state |= {"nested_offset": packed.nested.mean.item()}
        tensors[f"{name}.weight.nested_absmax"] = packed.nested.scales
        tensors[f"{name}.weight.nested_quant_map"] = mx.array(nesting.dynamic_map())
    state_bytes = np.frombuffer(json.dumps(state).encode(), dtype=np.uint8)
    return tensors | {f"{name}{_STATE_SUFFIX}{packed.mode}": mx.array(state_bytes)}


def quantization_config(mode: str, double: bool, dtype: str, unpacked: list[str]) -> dict[str, Any]:
    """The section quantization_config of config.json; `unpacked` names the layers that are not packed."""
    is_int8 = mode == "int8"
    config: dict[str, Any] = {"quant_method": METHOD, "load_in_8bit": is_int8, "load_in_4bit": not is_int8}
    if is_int8:
        config["llm_int8_threshold"] = 6.0
    else:
        config |= {"bnb_4bit_quant_type": mode, "bnb_4bit_use_double_quant": double, "bnb_4bit_compute_dtype": dtype}
        config["bnb_4bit_quant_storage"] = "uint8"
    return config | {"llm_int8_skip_modules": unpacked}


def split_packed(weights: dict[str, mx.array]) -> tuple[dict[str, mx.array], dict[str, Packed]]:
    """Split the tensors of a file: (all weights dense, the packed ones by the name of their layer).

    Among the dense ones, packed weights are replaced by their dequantized matrices, which are not evaluated. Raises
    BadModel for blocks or tables that are not bitsandbytes' usual ones.
    """
    dense, packed, shapes = dict(weights), dict[str, Packed](), dict[str, tuple[int, ...]]()
    for key in weights:
        name, suffix, mode = key.partition(_STATE_SUFFIX)
        if suffix:
            packed[name], shapes[name] = _read_4bit(name, mode, weights)
        elif key.endswith(".SCB"):
            name = key.removesuffix(".SCB")
            codes = weights[f"{name}.weight"]
            scales = weights[key].astype(mx.float32).reshape(-1)
            shapes[name] = tuple(codes.shape)
            codes = codes.reshape(-1, codes.shape[-1])
            packed[name] = Packed("int8", (codes.shape[0], codes.shape[1]), codes, scales)
    for name, value in packed.items():
        for key in [k for k in dense if k.startswith(f"{name}.weight") or k == f"{name}.SCB"]:
            del dense[key]
        dense[f"{name}.weight"] = dequantize(value).reshape(shapes[name])
    return dense, packed


def insert_packed_layers(model: nn.Module, packed: dict[str, Packed]) -> list[str]:
    """Replace the dense layers of a model by packed ones of the same name; returns the names that the model lacks."""
    from mlx.utils import tree_unflatten

    missing = []
    for name, value in packed.items():
        dense = dict(model.named_modules()).get(name)
        bias = dense.get("bias") if isinstance(dense, nn.Module) else None
        if isinstance(dense, nn.Linear):
            model.update_modules(tree_unflatten([(name, PackedLinear(value, bias))]))
        elif isinstance(dense, nn.Module) and hasattr(dense, "num_experts"):
            model.update_modules(tree_unflatten([(name, PackedExperts(value, dense.num_experts, bias))]))
        else:
            missing.append(name)
    return missing


def _read_4bit(name: str, mode: str, weights: dict[str, mx.array]) -> tuple[Packed, tuple[int, ...]]:
    """(the packed weight of a layer as a matrix, its shape in the model) from the tensors of a file."""
    key = f"{name}.weight"
    state = json.loads(bytes(np.array(weights[f"{name}{_STATE_SUFFIX}{mode}"], dtype=np.uint8)))
    is_supported = state.get("blocksize") == fourbit.BLOCK and mode in _TABLES
    if not is_supported or not np.allclose(np.array(weights[f"{key}.quant_map"]), _TABLES[mode], atol=1e-6):
        raise BadModel(
            say(
                "The layer {name} is packed by bitsandbytes in an unusual way (only nf4 and fp4 in blocks of "
                "{block} are supported): give the model in full precision, and have it packed here.",
                name=name,
                block=fourbit.BLOCK,
            )
        )
    scales, nested = weights[f"{key}.absmax"], None
    if f"{key}.nested_absmax" in weights:
        nested = NestedScales(weights[f"{key}.nested_absmax"], mx.array(state["nested_offset"], dtype=mx.float32))
    shape = tuple(state["shape"])
    rows = math.prod(shape[:-1])
    return Packed(mode, (rows, shape[-1]), weights[key].reshape(-1), scales, nested=nested), shape
