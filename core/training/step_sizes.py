"""In how small pieces steps went through a GPU that had not managed larger ones, kept for the next run of the model.

A small file in Hone's data folder: for each machine (GPU, memory, system, MLX) and model the sizes that held. After an
update of the system or of MLX larger pieces are tried anew.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import mlx.core as mx
import platformdirs

from core.device.machine import machine
from core.files.atomic_files import replacing
from core.files.file_errors import explain
from core.run import Run
from core.text.sentence import join, say


@dataclass(frozen=True)
class StepSize:
    """How small the pieces are in which a step is computed. Each is of use where the one before is not enough."""

    tokens: int | None = None  # in the model at once, with padding; None: as planned
    by_block: bool = False  # each block of the model is evaluated by itself
    block_tokens: int | None = None  # in the feed-forward part of a block at once; None: all
    answers: int | None = None  # written at once; None: as planned

    @property
    def words(self) -> str:
        """The size in the middle of a sentence; "" for that of the plan."""
        words = []
        if self.tokens is not None:
            words.append(say("in parts of at most {tokens:,} tokens", tokens=self.tokens))
        if self.by_block:
            words.append(say("block by block"))
        if self.block_tokens is not None:
            words.append(say("with at most {block_tokens:,} tokens in a block at once", block_tokens=self.block_tokens))
        return join(words, ", ")


def sizes_file() -> Path:
    """The file that sizes are kept in."""
    return Path(platformdirs.user_data_dir("Hone", appauthor=False)) / "step-sizes.json"


def recall(run: Run) -> StepSize:
    """The size that held before on this machine for a run's model; that of the plan where none is known."""
    with suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        return StepSize(**json.loads(sizes_file().read_text(encoding="utf-8"))[_machine()][_model(run)])
    return StepSize()


def remember(run: Run, size: StepSize) -> None:
    """Keep the size that held. Raises Unavailable where it cannot be written."""
    path, sizes = sizes_file(), {}
    with suppress(OSError, ValueError, RecursionError):
        sizes = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(sizes, dict):
        sizes = {}
    known = sizes.get(_machine())
    sizes[_machine()] = (known if isinstance(known, dict) else {}) | {_model(run): asdict(size)}
    with explain(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(sizes, indent=1, ensure_ascii=False), encoding="utf-8")


def _machine() -> str:
    facts = machine()
    memory = f"{facts['memory_bytes'] / 1e9:.0f} GB"
    return f"{facts['gpu'] or facts['processor']}, {memory}, {facts['system']}, MLX {mx.__version__}"


def _model(run: Run) -> str:
    return f"{run.model.path}, {run.model.quantization}, {run.adapter.type}"
