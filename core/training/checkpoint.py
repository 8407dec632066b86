"""Save and restore everything a run needs to go on exactly: weights, optimizer, random state, counters.

The data position needs no saving: the batches of a step follow from the seed and the step's number.
"""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core import adapters
from core.atomic_files import explain, replacing, save_tensors
from core.errors import BadModel

WEIGHTS, OPTIMIZER, PROGRESS = "trained.safetensors", "optimizer.safetensors", "progress.json"


@dataclass
class Progress:
    """Where a run stands after an optimizer step."""

    step: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_step: int | None = None
    evaluations_without_best: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)
    loss_before: float | None = None
    metrics_before: dict[str, float] = field(default_factory=dict)
    measured_step: int = -1  # the last validation
    measured_loss: float | None = None
    measured_metrics: dict[str, float] = field(default_factory=dict)


def save(folder: Path, progress: Progress, model: nn.Module, optimizer_state: Any, keep: int) -> Path:
    """Write `folder`/step-N (whole or not at all) and remove all but the newest `keep`; returns the new path.

    `optimizer_state` is a tree of arrays. Raises Unavailable where it cannot be written.
    """
    final = folder / f"step-{progress.step:07d}"
    temporary = folder / f".{final.name}.partial"
    with explain(folder):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_tensors(temporary / WEIGHTS, adapters.trainable_tensors(model))
        state = dict(tree_flatten(optimizer_state))
        state |= {"random": mx.random.state[0]}
        save_tensors(temporary / OPTIMIZER, state)
        with replacing(temporary / PROGRESS) as file:
            file.write_text(json.dumps(asdict(progress)), encoding="utf-8")
        shutil.rmtree(final, ignore_errors=True)
        temporary.replace(final)
        for old in list_checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """All complete checkpoints in a folder, oldest first."""
    return sorted(path for path in folder.glob("step-*") if (path / PROGRESS).is_file())


def restore(path: Path, model: nn.Module) -> tuple[Progress, Any]:
    """Put a checkpoint's weights into a model that has its adapter attached, and set MLX's random state.

    Returns (the progress, the optimizer's state). Raises BadModel where the checkpoint cannot be read or does not fit.
    """
    try:
        progress = Progress(**json.loads((path / PROGRESS).read_text(encoding="utf-8")))
        weights = mx.load(str(path / WEIGHTS))
        state = mx.load(str(path / OPTIMIZER))
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise BadModel(f"The checkpoint {path} cannot be read: {error}.") from None
    expected = adapters.trainable_tensors(model)
    if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in expected.items()}:
        raise BadModel(f"The checkpoint {path} was made with other adapter options or another model.")
    model.load_weights(list(weights.items()), strict=False)
    high, low = (int(v) for v in state.pop("random").tolist())
    mx.random.seed(high << 32 | low)  # the key itself cannot be set; seeding with its two words gives it back
    return progress, tree_unflatten(list(state.items()))
