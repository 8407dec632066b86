"""Save and restore everything a run needs to go on exactly: weights, optimizer, random state, counters.

The data position needs no saving: the batches of a step follow from the seed and the step's number. The best weights so
far lie beside the checkpoints, in a file named after their step, which stays as long as a checkpoint names it. Each
checkpoint has a manifest with the SHA-256 of all its files; one that does not agree with it is not used.
"""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten, tree_unflatten

from core import adapters
from core.errors import BadModel
from core.files.atomic_files import make_private_folder, replacing, save_tensors, sync
from core.files.checksums import hash_file
from core.files.file_errors import explain
from core.run.event_log import checkpoint_name
from core.text.sentence import say

WEIGHTS, OPTIMIZER, PROGRESS = "trained.safetensors", "optimizer.safetensors", "progress.json"
MANIFEST = "manifest.json"  # {"files": {path from the checkpoint's folder: SHA-256}}
_NAME = re.compile(r"step-\d+")


@dataclass
class Progress:
    """Where a run stands after an optimizer step."""

    step: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_step: int | None = None
    best_file: str | None = None  # the weights of best_step, beside the checkpoints; None where they are not kept
    best_sha256: str | None = None
    evaluations_without_best: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)
    loss_before: float | None = None
    metrics_before: dict[str, float] = field(default_factory=dict)
    measured_step: int = -1  # the last validation
    measured_loss: float | None = None
    measured_metrics: dict[str, float] = field(default_factory=dict)
    held_out: str = ""  # SHA-256 of the rows that all losses here were measured on


def save(
    folder: Path,
    progress: Progress,
    model: nn.Module,
    optimizer_state: Any,
    keep: int,
    sync_logs: Callable[[], None] = lambda: None,
) -> Path:
    """Write `folder`/step-N (whole or not at all) and remove all but the newest `keep`; returns the new path.

    Arguments:
        optimizer_state: a tree of arrays.
        sync_logs: called before the checkpoint is there, to have on the disk what it relies on.

    Raises Unavailable where it cannot be written.
    """
    final = folder / checkpoint_name(progress.step)
    partial, aside = folder / f".{final.name}.partial", _aside(final)
    with explain(folder):
        make_private_folder(folder)
        shutil.rmtree(partial, ignore_errors=True)
        make_private_folder(partial)
        save_tensors(partial / WEIGHTS, adapters.trainable_tensors(model))
        state = dict(tree_flatten(optimizer_state))
        state |= {"random": mx.random.state[0]}
        save_tensors(partial / OPTIMIZER, state)
        _write_json(partial / PROGRESS, asdict(progress))
        files = {name: hash_file(partial / name) for name in (WEIGHTS, OPTIMIZER, PROGRESS)}
        if progress.best_file and progress.best_sha256:
            files[f"../{progress.best_file}"] = progress.best_sha256
        _write_json(partial / MANIFEST, {"files": files})
        sync_logs()
        if final.exists():
            final.replace(aside)
        partial.replace(final)
        sync(folder)
        remove_old(final, progress, keep)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """All checkpoints in a folder, oldest first. One that a crash left aside is put back in its place."""
    for aside in folder.glob(".step-*.aside"):
        final = aside.with_name(aside.name.removeprefix(".").removesuffix(".aside"))
        if not final.exists():
            aside.replace(final)
    return sorted((path for path in folder.glob("step-*") if _NAME.fullmatch(path.name) and path.is_dir()), key=step_of)


def step_of(path: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(path.name.removeprefix("step-"))


def find_defect(path: Path) -> str:
    """What is wrong with a checkpoint, "" if it is whole: every file is there and has the hash of the manifest."""
    name = MANIFEST
    try:
        files = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, sha256 in files.items():
            if hash_file(path / name) != sha256:
                return say("{name} is damaged", name=name.removeprefix("../"))
        missing = {WEIGHTS, OPTIMIZER, PROGRESS} - files.keys()
    except FileNotFoundError:
        return say("{name} is missing", name=name.removeprefix("../"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return say("{name} cannot be read", name=name.removeprefix("../"))
    return say("{manifest} is damaged", manifest=MANIFEST) if missing else ""


def restore(path: Path, model: nn.Module, expected_state: Any) -> tuple[Progress, Any]:
    """Put a checkpoint's weights into a model that has its adapter attached, and set MLX's random state.

    `expected_state` is a fresh state of the run's optimizer. Returns (the progress, the optimizer's state). Raises
    BadModel where the checkpoint cannot be read or does not fit.
    """
    try:
        progress = Progress(**json.loads((path / PROGRESS).read_text(encoding="utf-8")))
        weights = mx.load(str(path / WEIGHTS))
        state = mx.load(str(path / OPTIMIZER))
        random = state.pop("random")
    except (OSError, ValueError, TypeError, RuntimeError, LookupError) as error:
        raise BadModel(say("The checkpoint {path} cannot be read: {reason}.", path=path, reason=error)) from None
    if _shapes(weights) != _shapes(adapters.trainable_tensors(model)):
        raise BadModel(say("The checkpoint {path} was made with other adapter options or another model.", path=path))
    if _shapes(state) != _shapes(dict(tree_flatten(expected_state))):
        raise BadModel(say("The checkpoint {path} was made with another optimizer.", path=path))
    model.load_weights(list(weights.items()), strict=False)
    high, low = (int(v) for v in random.tolist())
    mx.random.seed(high << 32 | low)  # the key itself cannot be set; seeding with its two words gives it back
    return progress, tree_unflatten(list(state.items()))


def remove_old(newest: Path, progress: Progress, keep: int) -> None:
    """Remove all but `keep` checkpoints, later ones that were gone back behind, best weights that none names, and what
    a crash has left half done."""
    folder = newest.parent
    checkpoints = list_checkpoints(folder)
    kept = [path for path in checkpoints if step_of(path) <= step_of(newest)][-keep:]
    for path in (*checkpoints, *folder.glob(".step-*")):
        if path not in kept:
            (path / MANIFEST).unlink(missing_ok=True)  # what is half removed is no checkpoint any more
            shutil.rmtree(path)
    named = {progress.best_file, *(_named_best(path) for path in kept)}
    for file in folder.glob("best-*.safetensors"):
        if file.name not in named:
            file.unlink()


def best_name(step: int) -> str:
    """The file with the best weights, those of a step."""
    return f"best-{step:07d}.safetensors"


def _named_best(checkpoint: Path) -> str | None:
    """The file with the best weights that a checkpoint names; None also where it cannot be read."""
    try:
        name = json.loads((checkpoint / PROGRESS).read_text(encoding="utf-8"))["best_file"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return name if isinstance(name, str) else None


def _aside(final: Path) -> Path:
    """Where a checkpoint lies while another of the same step takes its place."""
    return final.with_name(f".{final.name}.aside")


def _shapes(tensors: dict[str, Any]) -> dict[str, Any]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _write_json(path: Path, value: Any) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value), encoding="utf-8")
