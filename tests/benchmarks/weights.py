"""Model folders with random weights, for benchmarks of shapes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.resources import STARTER


def write_random(folder: Path, config: dict[str, Any], change: Callable[[Any], Any] = lambda w: w) -> Path:
    """A new folder with a Qwen3 model of this config.json, each of its weights put through `change`, and the starter's
    tokenizer."""
    import mlx.core as mx
    from mlx.utils import tree_flatten, tree_map
    from mlx_lm.models import qwen3

    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(STARTER / name, folder)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    mx.random.seed(1)
    weights = tree_map(change, qwen3.Model(qwen3.ModelArgs.from_dict(config)).parameters())
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(weights)))
    return folder
