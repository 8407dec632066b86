"""Models to begin with, as known on paper: what they are, how large, under which licence. Needs no MLX, no network.

All are from makers who train them for chat, are not gated, and are of families that Hone is tried with. Their shapes
are those of their config.json, so that the memory of a run can be estimated before anything is downloaded. A download
is what follows from the shape in 16 bit, with the files of the tokenizer (16 MB of Qwen's, 3 MB of SmolLM2's); the two
smallest Qwen bring a copy of their embeddings as output layer. The Hub's pages of Qwen3 0.6B (1.52 GB) and 8B (16.4 GB)
say the same, and those of Qwen3 and SmolLM2 name the licence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Recommended:
    """A model on the Hub. `config` holds the sizes that its config.json names; `thinks`: it can think before it
    answers, which rewards have something to work on."""

    id: str
    title: str
    download_bytes: int
    license: str
    config: Mapping[str, Any]
    thinks: bool = False
    instructs: bool = True  # good at plain answers


def _shape(kind: str, hidden: int, inner: int, layers: int, heads: int, kv_heads: int, tied: bool) -> dict[str, Any]:
    return {
        "model_type": kind, "hidden_size": hidden, "intermediate_size": inner, "num_hidden_layers": layers,
        "num_attention_heads": heads, "num_key_value_heads": kv_heads, "tie_word_embeddings": tied,
    }  # fmt: skip


def _qwen(hidden: int, inner: int, layers: int, heads: int, tied: bool) -> dict[str, Any]:
    return _shape("qwen3", hidden, inner, layers, heads, 8, tied) | {"head_dim": 128, "vocab_size": 151_936}


_QWEN_4B = _qwen(2560, 9728, 36, 32, True)

# The smallest first.
RECOMMENDED: tuple[Recommended, ...] = (
    Recommended(
        "HuggingFaceTB/SmolLM2-360M-Instruct", "SmolLM2 360M", 727_000_000, "apache-2.0",
        _shape("llama", 960, 2560, 32, 15, 5, True) | {"vocab_size": 49_152},
    ),
    Recommended(
        "Qwen/Qwen3-0.6B", "Qwen3 0.6B", 1_519_000_000, "apache-2.0", _qwen(1024, 3072, 28, 16, True), thinks=True
    ),
    Recommended(
        "Qwen/Qwen3-1.7B", "Qwen3 1.7B", 4_079_000_000, "apache-2.0", _qwen(2048, 6144, 28, 16, True), thinks=True
    ),
    Recommended("Qwen/Qwen3-4B-Instruct-2507", "Qwen3 4B", 8_061_000_000, "apache-2.0", _QWEN_4B),
    Recommended("Qwen/Qwen3-4B", "Qwen3 4B", 8_061_000_000, "apache-2.0", _QWEN_4B, thinks=True, instructs=False),
    Recommended(
        "Qwen/Qwen3-8B", "Qwen3 8B", 16_397_000_000, "apache-2.0", _qwen(4096, 12_288, 36, 32, False), thinks=True
    ),
    Recommended(
        "Qwen/Qwen3-14B", "Qwen3 14B", 29_552_000_000, "apache-2.0", _qwen(5120, 17_408, 40, 40, False), thinks=True
    ),
    Recommended(
        "Qwen/Qwen3-32B", "Qwen3 32B", 65_539_000_000, "apache-2.0", _qwen(5120, 25_600, 64, 64, False), thinks=True
    ),
)  # fmt: skip


def candidates(on_policy: bool) -> list[Recommended]:
    """The models for a method that learns from the model's own answers, or for one that learns from given ones."""
    return [model for model in RECOMMENDED if (model.thinks if on_policy else model.instructs)]


def pick_three(fitting: Sequence[T]) -> list[T]:
    """The small, the medium and the best of those that fit, which come the smallest first; fewer where fewer fit."""
    if len(fitting) <= 3:
        return list(fitting)
    return [fitting[0], fitting[len(fitting) // 2], fitting[-1]]
