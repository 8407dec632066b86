"""What GGUF needs to know of each model family: its architecture, its sizes, and how its tensors differ.

A family stands here once llama.cpp was seen to give the same logits for it (tests/exports, README there).
Source of the names and conventions: llama.cpp's conversion scripts and src/llama-arch.cpp (of 2026-11).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import BadModel
from core.text.sentence import say

Array = NDArray[Any]
Config = Mapping[str, Any]


@dataclass(frozen=True)
class GgufFamily:
    """One family of models as llama.cpp knows it."""

    arch: str  # general.architecture, a name of gguf.MODEL_ARCH_NAMES
    change: Callable[[str, Array, Config], Array]  # (Hugging Face name, tensor, config) -> tensor as llama.cpp wants it
    check: Callable[[Config], str]  # why this config cannot be written, "" where it can
    extra_sizes: Callable[[Config], dict[str, Any]]  # settings beside the common ones; the key without "{arch}."
    extra_tensors: Callable[[Config], dict[str, Array]]  # tensors that no file has, by GGUF name


def find_gguf_family(config: Config) -> GgufFamily:
    """The family of a config.json. Raises BadModel, with the reason, where GGUF is not written for it."""
    family = GGUF_FAMILIES.get(str(config["model_type"]))
    if family is None:
        raise BadModel(
            say(
                "GGUF is not written for the architecture {model_type}: it was not compared with llama.cpp. It "
                "is for {known}.",
                model_type=config["model_type"],
                known=", ".join(GGUF_FAMILIES),
            )
        )
    if reason := family.check(config):
        raise BadModel(say("GGUF is not written for this model: {reason}.", reason=reason))
    return family


def common_sizes(config: Config) -> dict[str, Any]:
    """The settings that every family has; keys without "{arch}."."""
    heads, head_dim = config["num_attention_heads"], head_size(config)
    sizes = {
        "block_count": config["num_hidden_layers"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": heads,
        "attention.head_count_kv": config.get("num_key_value_heads") or heads,
        "attention.key_length": head_dim,
        "attention.value_length": head_dim,
        "attention.layer_norm_rms_epsilon": float(config["rms_norm_eps"]),
        "rope.freq_base": rope_base(config),
        "rope.dimension_count": int(head_dim * _partial(config)),
        "vocab_size": config["vocab_size"],
    }
    scaling = rope(config)
    if rope_type(config) in ("linear", "yarn"):
        sizes |= {"rope.scaling.type": rope_type(config), "rope.scaling.factor": float(scaling["factor"])}
    if rope_type(config) == "yarn":
        sizes["rope.scaling.original_context_length"] = int(
            scaling.get("original_max_position_embeddings") or config["max_position_embeddings"]
        )
    return sizes


def head_size(config: Config) -> int:
    """Components of one head of attention."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def rope(config: Config) -> dict[str, Any]:
    """The settings of the rotary embedding, under either of the names that configs have for them."""
    return dict(config.get("rope_parameters") or config.get("rope_scaling") or {})


def rope_base(config: Config) -> float:
    """The base of the rotary embedding's frequencies."""
    return float(rope(config).get("rope_theta") or config.get("rope_theta") or 10000.0)


def rope_type(config: Config) -> str:
    """How positions are scaled: "default", "linear", "llama3", "yarn", "longrope", …"""
    scaling = rope(config)
    return str(scaling.get("rope_type") or scaling.get("type") or "default")


def _partial(config: Config) -> float:
    return float(rope(config).get("partial_rotary_factor") or config.get("partial_rotary_factor") or 1.0)


def _interleave_rope(name: str, tensor: Array, config: Config) -> Array:
    """Rows of q and k in the order in which llama.cpp's llama turns pairs: neighbours instead of halves."""
    for part, key in (("q_proj", "num_attention_heads"), ("k_proj", "num_key_value_heads")):
        if f".{part}." in name:
            heads = config.get(key) or config["num_attention_heads"]
            halves = tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:])
            return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(tensor.shape))
    return tensor


def _as_it_is(name: str, tensor: Array, config: Config) -> Array:
    return tensor


def _norms_plus_one(name: str, tensor: Array, config: Config) -> Array:
    """Gemma's norms multiply by 1 + weight; llama.cpp's by the weight."""
    return tensor + 1.0 if name.endswith("norm.weight") else tensor


def _nothing(config: Config) -> dict[str, Any]:
    return {}


def _llama3_frequencies(config: Config) -> dict[str, Array]:
    """The factor by which each frequency of the rotary embedding is divided under Llama 3's scaling."""
    scaling = rope(config)
    if rope_type(config) != "llama3":
        return {}
    size = head_size(config)
    wavelengths = 2 * math.pi * rope_base(config) ** (np.arange(0, size, 2, dtype=np.float64) / size)
    factor, context = float(scaling["factor"]), float(scaling["original_max_position_embeddings"])
    low, high = float(scaling["low_freq_factor"]), float(scaling["high_freq_factor"])
    smooth = (context / wavelengths - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    factors = np.where(wavelengths > context / low, factor, np.where(wavelengths < context / high, 1.0, between))
    return {"rope_freqs.weight": factors.astype(np.float32)}


def _longrope(config: Config) -> dict[str, Array]:
    scaling = rope(config)
    if rope_type(config) != "longrope":
        return {}
    return {
        f"rope_factors_{kind}.weight": np.array(scaling[f"{kind}_factor"], np.float32) for kind in ("long", "short")
    }


def _refuse_rope(*known: str) -> Callable[[Config], str]:
    def check(config: Config) -> str:
        kind = rope_type(config)
        return (
            ""
            if kind in known
            else say("its positions are scaled by {kind!r}, which was not compared with llama.cpp", kind=kind)
        )

    return check


def _check_window(config: Config) -> str:
    """llama.cpp's llama has no sliding window: texts within it are right, longer ones are not."""
    window, length = config.get("sliding_window"), config["max_position_embeddings"]
    if isinstance(window, int) and window < length and config.get("use_sliding_window", True):
        return say("it looks back {window:,} tokens at most, which llama.cpp does not do for it", window=window)
    return _refuse_rope("default", "linear", "llama3", "yarn")(config)


def _check_gemma(config: Config) -> str:
    # llama.cpp scales the queries by the head's size, and Gemma 3 27B's and Gemma 2 27B's by another number.
    scalar = config.get("query_pre_attn_scalar")
    if scalar is not None and scalar != head_size(config):
        return say(
            "its queries are scaled by {scalar}, not by the size of a head, which was not compared with llama.cpp",
            scalar=scalar,
        )
    return _refuse_rope("default", "linear")(config)


def _check_gemma3(config: Config) -> str:
    pattern = config.get("sliding_window_pattern", config.get("_sliding_window_pattern", 6))
    if pattern != 6:
        return say(
            "every {pattern}th of its layers looks at the whole text, and llama.cpp's Gemma 3 has every 6th",
            pattern=pattern,
        )
    local = config.get("rope_local_base_freq", 10000.0)
    if local != 10000.0:
        return say("its local layers turn by a base of {local:g}, and llama.cpp's Gemma 3 by 10000", local=local)
    return _check_gemma(config)


def _check_qwen(config: Config) -> str:
    if config.get("use_sliding_window"):
        return say("some of its layers have a sliding window, which llama.cpp does not have for it")
    return _refuse_rope("default", "linear", "yarn")(config)


def _gemma2_sizes(config: Config) -> dict[str, Any]:
    return {
        "attn_logit_softcapping": float(config["attn_logit_softcapping"]),
        "final_logit_softcapping": float(config["final_logit_softcapping"]),
        "attention.sliding_window": config["sliding_window"],
    }


def _gemma3_sizes(config: Config) -> dict[str, Any]:
    return {"attention.sliding_window": config["sliding_window"]}


def _phi3_sizes(config: Config) -> dict[str, Any]:
    length = config["max_position_embeddings"]
    original = int(config.get("original_max_position_embeddings") or length)
    sizes: dict[str, Any] = {
        "rope.scaling.original_context_length": original,
        "attention.sliding_window": config.get("sliding_window") or 0,
    }
    if rope_type(config) == "longrope":
        scale = length / original
        factor = math.sqrt(1 + math.log(scale) / math.log(original)) if scale > 1 else 1.0
        sizes["rope.scaling.attn_factor"] = factor
    return sizes


_LLAMA = GgufFamily("llama", _interleave_rope, _check_window, _nothing, _llama3_frequencies)

GGUF_FAMILIES: dict[str, GgufFamily] = {  # by model_type
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": GgufFamily("qwen2", _as_it_is, _check_qwen, _nothing, _nothing),
    "qwen3": GgufFamily("qwen3", _as_it_is, _check_qwen, _nothing, _nothing),
    "gemma2": GgufFamily("gemma2", _norms_plus_one, _check_gemma, _gemma2_sizes, _nothing),
    "gemma3_text": GgufFamily("gemma3", _norms_plus_one, _check_gemma3, _gemma3_sizes, _nothing),
    "phi3": GgufFamily("phi3", _as_it_is, _refuse_rope("default", "longrope"), _phi3_sizes, _longrope),
}
