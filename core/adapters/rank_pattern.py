"""Adapters whose rank or scale differs from layer to layer, as PEFT's rank_pattern and alpha_pattern make them.

mlx-lm knows one rank and one scale for all layers. So that it loads such an adapter with the same outputs, a file in
its format holds every layer at the largest rank, padded with zeros, and at one scale, with B multiplied by the ratio
of the layer's own scale to that one. `each_layer` in adapter_config.json holds the true values, and reading undoes it.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import mlx.core as mx

from core.errors import BadModel
from core.text.sentence import say

KEY = "each_layer"
LARGEST_RANK = 1 << 16


class RankScale(NamedTuple):
    """The rank of a layer's adapter, and what the product of its two small matrices is multiplied by."""

    rank: int
    scale: float


RankScales = dict[str, RankScale]  # by name of the layer


def _checked(rank: Any, scale: Any) -> RankScale:
    """Raises ValueError, TypeError or OverflowError for what can be no rank or no scale."""
    layer = RankScale(int(rank), float(scale))
    if not 1 <= layer.rank <= LARGEST_RANK or not math.isfinite(layer.scale):
        raise ValueError(f"rank {rank}, scale {scale}")
    return layer


def common_rank_scale(layers: Mapping[str, RankScale]) -> RankScale:
    """What a file in mlx-lm's format says of all layers: the largest rank, and the scale that most of them have."""
    scales = Counter(layer.scale for layer in layers.values())
    return RankScale(max(layer.rank for layer in layers.values()), scales.most_common(1)[0][0])


def describe_exceptions(layers: Mapping[str, RankScale]) -> dict[str, Any]:
    """The layers that differ from the common rank and scale, for adapter_config.json; {} where none does."""
    if not layers:  # every weight is trained
        return {}
    common = common_rank_scale(layers)
    exceptions = {name: layer._asdict() for name, layer in layers.items() if layer != common}
    return {KEY: exceptions} if exceptions else {}


def read_rank_scales(config: Mapping[str, Any], names: Iterable[str]) -> RankScales:
    """Rank and scale of each layer by adapter_config.json. Raises BadModel where it does not say them."""
    try:
        parameters, each_layer = config["lora_parameters"], config.get(KEY, {})
        common = _checked(parameters["rank"], parameters["scale"])
        exceptions = {name: _checked(own["rank"], own["scale"]) for name, own in each_layer.items()}
        if not all(own.scale for own in exceptions.values()):
            raise ValueError("B cannot be divided by a scale of 0")
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        raise BadModel(say("lacks rank or scale under lora_parameters")) from None
    return {name: exceptions.get(name, common) for name in names}


def to_uniform(weights: Mapping[str, mx.array], layers: Mapping[str, RankScale]) -> dict[str, mx.array]:
    """The tensors with which one rank and one scale for all layers give the same outputs."""
    common = common_rank_scale(layers)
    tensors = {}
    for key, value in weights.items():
        name, _, tensor_name = key.rpartition(".")
        layer = layers.get(name, common)  # a module that is held whole has none
        if tensor_name == "lora_b" and layer.scale != common.scale:
            value = value * (layer.scale / common.scale)
        padding = common.rank - layer.rank
        if padding and tensor_name in ("lora_a", "lora_b"):
            value = mx.pad(value, [(0, 0), (0, padding)] if tensor_name == "lora_a" else [(0, padding), (0, 0)])
        tensors[key] = value
    return tensors


def from_uniform(weights: Mapping[str, mx.array], config: Mapping[str, Any]) -> dict[str, mx.array]:
    """The tensors at their own ranks and scales again, from a file that `to_uniform` made."""
    if not config.get(KEY):
        return dict(weights)
    layers = read_rank_scales(config, {key.rpartition(".")[0] for key in weights})
    common_scale = float(config["lora_parameters"]["scale"])
    tensors = {}
    for key, value in weights.items():
        name, _, tensor_name = key.rpartition(".")
        layer = layers[name]
        if tensor_name == "lora_a":
            value = value[:, : layer.rank]
        elif tensor_name == "lora_b":
            value = value[: layer.rank] * (common_scale / layer.scale)
        tensors[key] = value
    return tensors


def from_peft(peft_config: Mapping[str, Any], names: Iterable[str], *, rslora: bool) -> RankScales:
    """Rank and scale of each layer by PEFT's adapter_config.json, whose patterns match the ends of names.

    Raises KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError or re.error where it is not as PEFT writes
    it.
    """
    ranks, alphas = peft_config.get("rank_pattern") or {}, peft_config.get("alpha_pattern") or {}
    for pattern in (*ranks, *alphas):
        _check_pattern(pattern)
    layers = {}
    for name in names:
        rank = int(_match_pattern(ranks, name, peft_config["r"]))
        alpha = float(_match_pattern(alphas, name, peft_config["lora_alpha"]))
        layers[name] = _checked(rank, alpha / (math.sqrt(rank) if rslora else rank))
    return layers


def to_peft(layers: Mapping[str, RankScale], *, rslora: bool) -> dict[str, Any]:
    """r and lora_alpha of PEFT's adapter_config.json, with rank_pattern and alpha_pattern where layers differ."""
    alphas = {
        name: _round_alpha(layer.scale * (math.sqrt(layer.rank) if rslora else layer.rank))
        for name, layer in layers.items()
    }
    ranks = {name: layer.rank for name, layer in layers.items()}
    peft_config: dict[str, Any] = {}
    for key, pattern_key, values in (("r", "rank_pattern", ranks), ("lora_alpha", "alpha_pattern", alphas)):
        common = Counter(values.values()).most_common(1)[0][0]
        peft_config[key] = common
        if pattern := _build_pattern(values, common):
            peft_config[pattern_key] = pattern
    return peft_config


def _check_pattern(pattern: str) -> None:
    """Raises ValueError for a regular expression that could search for hours: the file may come from a stranger."""
    if len(pattern) > 500 or len(re.findall(r"[*+{]", pattern)) > 6 or re.search(r"\)\s*[*+{]", pattern):
        raise ValueError(f"the pattern {pattern[:40]} is too involved")


def _match_pattern(pattern: Mapping[str, Any], name: str, default: Any) -> Any:
    return next((value for key, value in pattern.items() if re.match(rf"(.*\.)?({key})$", name)), default)


def _build_pattern(values: Mapping[str, Any], common: Any) -> dict[str, Any]:
    """The values that differ: by a layer's short name where all layers of it have one value, else by its whole name."""
    values_by_short_name: dict[str, set[Any]] = {}
    for name, value in values.items():
        values_by_short_name.setdefault(name.rpartition(".")[2], set()).add(value)
    pattern = {}
    for name, value in values.items():
        short_name = name.rpartition(".")[2]
        if value != common:
            pattern[short_name if len(values_by_short_name[short_name]) == 1 else re.escape(name)] = value
    return pattern


def _round_alpha(alpha: float) -> float | int:
    """A whole number where alpha differs from one by rounding alone."""
    return round(alpha) if math.isclose(alpha, round(alpha), rel_tol=1e-9) else alpha
