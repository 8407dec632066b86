"""Add-ons whose rank or strength differs from layer to layer, as PEFT's rank_pattern and alpha_pattern make them.

mlx-lm knows one rank and one scale for all layers. So that it loads such an adapter with the same answers, a file in
its format holds every layer at the largest rank, filled up with zeros, and at one scale, with B multiplied by what
its own has beside that. `each_layer` in adapter_config.json says what they truly are, and reading undoes it.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import mlx.core as mx

from core.errors import BadModel

KEY = "each_layer"


class RankScale(NamedTuple):
    """A layer's rank, and what the product of its two small matrices is multiplied with."""

    rank: int
    scale: float


RankScales = dict[str, RankScale]


def common_rank_scale(layers: Mapping[str, RankScale]) -> RankScale:
    """What a file in mlx-lm's format says of all layers: the largest rank, and the scale that most of them have."""
    scales = Counter(s.scale for s in layers.values())
    return RankScale(max(s.rank for s in layers.values()), scales.most_common(1)[0][0])


def describe_exceptions(layers: Mapping[str, RankScale]) -> dict[str, Any]:
    """The layers that differ from what is common, for adapter_config.json; {} where none does."""
    apart = {name: s._asdict() for name, s in layers.items() if s != common_rank_scale(layers)}
    return {KEY: apart} if apart else {}


def read_rank_scales(saved: Mapping[str, Any], names: Iterable[str]) -> RankScales:
    """Rank and scale of each layer by adapter_config.json. Raises BadModel where it does not say them."""
    try:
        parameters, own = saved["lora_parameters"], saved.get(KEY, {})
        usual = RankScale(int(parameters["rank"]), float(parameters["scale"]))
        apart = {name: RankScale(int(s["rank"]), float(s["scale"])) for name, s in own.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadModel("lacks rank or scale under lora_parameters") from None
    return {name: apart.get(name, usual) for name in names}


def to_uniform(weights: Mapping[str, mx.array], layers: Mapping[str, RankScale]) -> dict[str, mx.array]:
    """The tensors as one rank and one scale for all layers give the same answers."""
    usual = common_rank_scale(layers)
    found = {}
    for key, value in weights.items():
        name, _, leaf = key.rpartition(".")
        own = layers[name]
        if leaf == "lora_b" and own.scale != usual.scale:
            value = value * (own.scale / usual.scale)
        missing = usual.rank - own.rank
        if missing and leaf in ("lora_a", "lora_b"):
            value = mx.pad(value, [(0, 0), (0, missing)] if leaf == "lora_a" else [(0, missing), (0, 0)])
        found[key] = value
    return found


def from_uniform(weights: Mapping[str, mx.array], saved: Mapping[str, Any]) -> dict[str, mx.array]:
    """The tensors at their own ranks and scales again, from a file that `alike` made."""
    if not saved.get(KEY):
        return dict(weights)
    names = {key.rpartition(".")[0] for key in weights}
    layers = read_rank_scales(saved, names)
    scale = float(saved["lora_parameters"]["scale"])
    found = {}
    for key, value in weights.items():
        name, _, leaf = key.rpartition(".")
        own = layers[name]
        if leaf == "lora_a":
            value = value[:, : own.rank]
        elif leaf == "lora_b":
            value = value[: own.rank] * (scale / own.scale)
        found[key] = value
    return found


def from_peft(saved: Mapping[str, Any], names: Iterable[str], *, rslora: bool) -> RankScales:
    """Each layer's by PEFT's adapter_config.json, whose patterns match the ends of names.

    Raises KeyError, TypeError, ValueError, ZeroDivisionError or re.error where it is not as PEFT writes it.
    """
    ranks, alphas = saved.get("rank_pattern") or {}, saved.get("alpha_pattern") or {}
    found = {}
    for name in names:
        rank = int(_matched(ranks, name, saved["r"]))
        alpha = float(_matched(alphas, name, saved["lora_alpha"]))
        found[name] = RankScale(rank, alpha / (math.sqrt(rank) if rslora else rank))
    return found


def to_peft(layers: Mapping[str, RankScale], *, rslora: bool) -> dict[str, Any]:
    """r and lora_alpha of PEFT's adapter_config.json, with patterns where layers differ."""
    alphas = {name: _whole(s.scale * (math.sqrt(s.rank) if rslora else s.rank)) for name, s in layers.items()}
    ranks = {name: s.rank for name, s in layers.items()}
    found: dict[str, Any] = {}
    for key, own in (("r", ranks), ("lora_alpha", alphas)):
        usual = Counter(own.values()).most_common(1)[0][0]
        found[key] = usual
        if pattern := _pattern(own, usual):
            found["rank_pattern" if key == "r" else "alpha_pattern"] = pattern
    return found


def _matched(pattern: Mapping[str, Any], name: str, usual: Any) -> Any:
    return next((value for key, value in pattern.items() if re.match(rf"(.*\.)?({key})$", name)), usual)


def _pattern(own: Mapping[str, Any], usual: Any) -> dict[str, Any]:
    """What differs, by the layer's short name where all of that name are alike, else by its whole name."""
    kinds: dict[str, set[Any]] = {}
    for name, value in own.items():
        kinds.setdefault(name.rpartition(".")[2], set()).add(value)
    found = {}
    for name, value in own.items():
        short = name.rpartition(".")[2]
        if value != usual:
            found[short if len(kinds[short]) == 1 else re.escape(name)] = value
    return found


def _whole(alpha: float) -> float | int:
    return round(alpha) if math.isclose(alpha, round(alpha), rel_tol=1e-9) else alpha
