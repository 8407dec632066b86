"""The window of tokens that a model attends to, and whether mlx-lm's class for it keeps to that."""

from typing import Any

import mlx.nn as nn
import transformers  # noqa: F401  # before mlx-lm asks for its names: see core.data.tokenize.tokenizer
from mlx_lm.models.cache import RotatingKVCache, make_prompt_cache

from core.text.sentence import say


def find_ignored_window(model: nn.Module, config: dict[str, Any]) -> int | None:
    """How many tokens back a model attends by its config.json, where its class attends to all of them (mlx-lm's
    Mistral, Gemma 2 and Phi 3); None where the two agree.

    The numbers of texts up to that length are the same either way.
    """
    config = config.get("text_config") or config
    window = config.get("sliding_window")
    in_use = config.get("use_sliding_window", not str(config.get("model_type")).startswith("qwen"))
    if not isinstance(window, int) or not in_use:
        return None
    keeps_to_it = any(isinstance(cache, RotatingKVCache) for cache in make_prompt_cache(model))
    return None if keeps_to_it else window


def describe_ignored_window(model: nn.Module, config: dict[str, Any], longest: int) -> str:
    """A sentence where some text, the longest of so many tokens, exceeds a window that the class ignores; else ""."""
    window = find_ignored_window(model, config)
    if window is None or longest <= window:
        return ""
    return say(
        "By its config.json this model attends to the last {window:,} tokens; mlx-lm's class for it attends to all. "
        "Texts are up to {longest:,} tokens long: beyond the window other programs compute other numbers. "
        "--max-seq-len {window} cuts them there.",
        window=window,
        longest=longest,
    )
