"""Packed weights in files: bitsandbytes' own layout, so that transformers loads what Hone packs, and the other way.

A 4-bit layer X is X.weight (codes, uint8 [ceil(n / 2), 1]), X.weight.absmax (scales), X.weight.quant_map (the table),
with packed scales X.weight.nested_absmax and nested_quant_map, and X.weight.quant_state.bitsandbytes__nf4: the rest,
as the bytes of a JSON text. An 8-bit layer is X.weight (int8) and X.SCB (scales).
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

METHOD = "bitsandbytes"
_TABLES = {"nf4": nf4.TABLE, "fp4": fp4.TABLE}
_STATE = ".weight.quant_state.bitsandbytes__"


def packed_tensors(name: str, layer: PackedLinear | PackedExperts, dtype: str) -> dict[str, mx.array]:
    """What a packed layer is in a file; `dtype` is the precision it was packed from. Biases are not among them."""
    packed = layer.packed
    shape: tuple[int, ...] = packed.shape
    if isinstance(layer, PackedExperts):  # which bitsandbytes has no form for: only Hone reads these
        shape = (layer.num_experts, layer.output_dims, layer.input_dims)
    if packed.mode == "int8":
        return {
            f"{name}.weight": packed.codes.reshape(shape),
            f"{name}.SCB": packed.scales,
            f"{name}.weight_format": mx.array(0, dtype=mx.uint8),
        }
    about: dict[str, Any] = {"quant_type": packed.mode, "blocksize": fourbit.BLOCK, "dtype": dtype}
    about |= {"shape": list(shape)}
    found = {
        f"{name}.weight": packed.codes.reshape(-1, 1),
        f"{name}.weight.absmax": packed.scales,
        f"{name}.weight.quant_map": mx.array(_TABLES[packed.mode]),
    }
    if packed.nested is not None:
        about |= {"nested_blocksize": nesting.BLOCK, "nested_dtype": "float32"}
        about |= {"nested_offset": packed.nested.mean.item()}
        found[f"{name}.weight.nested_absmax"] = packed.nested.scales
        found[f"{name}.weight.nested_quant_map"] = mx.array(nesting.dynamic_map())
    state = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    return found | {f"{name}{_STATE}{packed.mode}": mx.array(state)}


def quantization_config(mode: str, double: bool, dtype: str, left: list[str]) -> dict[str, Any]:
    """quantization_config of config.json; `left` names layers that are not packed."""
    eight = mode == "int8"
    found: dict[str, Any] = {"quant_method": METHOD, "load_in_8bit": eight, "load_in_4bit": not eight}
    if eight:
        found["llm_int8_threshold"] = 6.0
    else:
        found |= {"bnb_4bit_quant_type": mode, "bnb_4bit_use_double_quant": double, "bnb_4bit_compute_dtype": dtype}
        found["bnb_4bit_quant_storage"] = "uint8"
    return found | {"llm_int8_skip_modules": left}


def split_packed(weights: dict[str, mx.array]) -> tuple[dict[str, mx.array], dict[str, Packed]]:
    """(weights with packed ones as the dense matrices they stand for, not evaluated; the packed ones by layer).

    Raises BadModel for blocks or tables that are not bitsandbytes' usual ones.
    """
    plain, packed, shapes = dict(weights), dict[str, Packed](), dict[str, tuple[int, ...]]()
    for key in weights:
        name, found, mode = key.partition(_STATE)
        if found:
            packed[name], shapes[name] = _four_bit(name, mode, weights)
        elif key.endswith(".SCB"):
            name = key.removesuffix(".SCB")
            codes = weights[f"{name}.weight"]
            scales = weights[key].astype(mx.float32).reshape(-1)
            shapes[name] = tuple(codes.shape)
            codes = codes.reshape(-1, codes.shape[-1])
            packed[name] = Packed("int8", (codes.shape[0], codes.shape[1]), codes, scales)
    for name, value in packed.items():
        for key in [k for k in plain if k.startswith(f"{name}.weight") or k == f"{name}.SCB"]:
            del plain[key]
        plain[f"{name}.weight"] = dequantize(value).reshape(shapes[name])
    return plain, packed


def insert_packed_layers(model: nn.Module, packed: dict[str, Packed]) -> list[str]:
    """Put packed layers in the places of the dense ones that hold the same matrices; returns whose place is missing."""
    from mlx.utils import tree_unflatten

    missing = []
    for name, value in packed.items():
        old = dict(model.named_modules()).get(name)
        bias = old.get("bias") if isinstance(old, nn.Module) else None
        if isinstance(old, nn.Linear):
            model.update_modules(tree_unflatten([(name, PackedLinear(value, bias))]))
        elif isinstance(old, nn.Module) and hasattr(old, "num_experts"):
            model.update_modules(tree_unflatten([(name, PackedExperts(value, old.num_experts, bias))]))
        else:
            missing.append(name)
    return missing


def _four_bit(name: str, mode: str, weights: dict[str, mx.array]) -> tuple[Packed, tuple[int, ...]]:
    at = f"{name}.weight"
    about = json.loads(bytes(np.array(weights[f"{name}{_STATE}{mode}"], dtype=np.uint8)))
    usual = about.get("blocksize") == fourbit.BLOCK and mode in _TABLES
    if not usual or not np.allclose(np.array(weights[f"{at}.quant_map"]), _TABLES[mode], atol=1e-6):
        raise BadModel(
            f"The layer {name} is packed by bitsandbytes in an unusual way (only nf4 and fp4 in blocks of "
            f"{fourbit.BLOCK} are supported): give the model in full precision, and have it packed here."
        )
    scales, nested = weights[f"{at}.absmax"], None
    if f"{at}.nested_absmax" in weights:
        nested = NestedScales(weights[f"{at}.nested_absmax"], mx.array(about["nested_offset"], dtype=mx.float32))
    shape = tuple(about["shape"])
    rows = math.prod(shape[:-1])
    return Packed(mode, (rows, shape[-1]), weights[at].reshape(-1), scales, nested=nested), shape
