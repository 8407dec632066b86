"""How much memory a training step takes, before anything is loaded: from config.json and the files' headers.

Needs no MLX. The figure is a range: it follows from the shapes, not from what MLX keeps at which moment. At the start
of a run one real step on the longest batch takes its place (core.training.dry_run).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.device.parallel_plan import parallel_batches
from core.device.process_memory import has_room_for_copy
from core.memory import tensor_shapes
from core.memory.numpy_conditions import objection_to_numpy
from core.memory.pass_bytes import (
    ModelSizes,
    activation_bytes,
    answer_bytes,
    chunked_logits_bytes,
    logits_chunk,
    numpy_bytes,
)
from core.memory.rows_at_once import rows_per_pass
from core.memory.tensor_shapes import (
    Shape,
    Tensors,
    count_adapter,
    count_elements,
    count_saved_adapter,
    read_headers,
    stored_bytes,
)
from core.model.families import BODIES
from core.quant.modes import UNPACKED
from core.run import Run
from core.text.sentence import Sentence, say

OPTIMIZER_STATES = {"adamw": 2, "adam": 2, "lion": 1, "sgd": 0}  # numbers kept for each trained parameter
RANGE_SHARE = 0.2  # how far either way the range reaches, as a share


@dataclass(frozen=True)
class Estimate:
    """Bytes of one training step, by what takes them."""

    weights: int
    adapter: int
    optimizer: int  # its state, and the gradients
    activations: int
    logits: int
    teacher: int = 0  # weights of the model that stays in memory beside the one in training
    copy: int = 0  # of the blocks' weights, with the adapter in them, where NumPy computes the gradient
    answers: int = 0  # what writing answers takes: the texts so far, and the logits of one token each

    @property
    def total(self) -> int:
        # Answers are written and learned from in turn.
        step = max(self.activations + self.logits, self.answers)
        return self.weights + self.copy + self.teacher + self.adapter + self.optimizer + step

    @property
    def low(self) -> int:
        return int(self.total * (1 - RANGE_SHARE))

    @property
    def high(self) -> int:
        return int(self.total * (1 + RANGE_SHARE))

    @property
    def words(self) -> Sentence:
        """The range for people: "5 to 7 GB"."""
        low, high = self.low / 1e9, self.high / 1e9
        if high < 1:
            return say("{low:.0f} to {high:.0f} MB", low=max(1, round(low * 1000, -1)), high=round(high * 1000, -1))
        if high < 10:
            return say("{low:.1f} to {high:.1f} GB", low=low, high=high)
        return say("{low:.0f} to {high:.0f} GB", low=low, high=high)


@dataclass(frozen=True)
class _Weights:
    """What the weights take, and how many of them are trained."""

    bytes: int
    compute: int  # bytes of a number that is computed with
    trained: int  # parameters
    largest: int  # numbers of the largest tensor
    in_blocks: int  # numbers of the matrices in blocks
    unpacked: int  # numbers of the largest matrix where matrices are unpacked for computing, else 0


def estimate_step(
    config: Mapping[str, Any],
    run: Run,
    *,
    device: str,
    tokens: int,
    folder: Path | None = None,
    teacher: Path | None = None,
) -> Estimate | None:
    """What a training step of a run takes.

    Arguments:
        config: the model's config.json.
        device: "cpu" or "gpu".
        tokens: of the longest row, the sum of its texts where it has two, as pairs have. Where the model writes
            answers: prompt and longest answer together.
        folder: the model's folder, to count the weights from the headers of its files; without it they are counted
            from `config`.
        teacher: folder of a model that stays in memory beside the one in training
            (core.reference.frozen_model.find_live_teacher).

    Returns None for a config of an unusual kind.
    """
    text_config = config.get("text_config", config)
    model = ModelSizes.from_config(text_config)
    if model is None:
        return None
    weights = _count_weights(text_config, run, device, folder)
    if run.spec.precomputed:  # the second text of a row gets no gradient
        tokens = -(-tokens // 2)
    vocabulary = int(text_config.get("vocab_size", config.get("vocab_size", 32_000)))
    in_numpy = device == "cpu" and _goes_through_numpy(text_config, run, weights)
    activations, logits = _pass_bytes(model, run, device, tokens, vocabulary, weights, in_numpy)
    return Estimate(
        weights=weights.bytes,
        adapter=0 if run.adapter.type == "full" else 4 * weights.trained,
        optimizer=_optimizer_bytes(run, weights, activations + logits),
        activations=activations,
        logits=logits,
        copy=4 * weights.in_blocks if in_numpy else 0,
        teacher=_frozen_bytes(teacher, run.model.dtype, device),
        answers=answer_bytes(model, run, tokens, weights.compute, vocabulary),
    )


def _pass_bytes(
    model: ModelSizes, run: Run, device: str, tokens: int, vocabulary: int, weights: _Weights, in_numpy: bool
) -> tuple[int, int]:
    """(activations, logits) of the rows that go through the model at once, with `tokens` each."""
    rows = rows_per_pass(run, device)
    batch, parallel = rows * tokens, min(parallel_batches(run, device), rows)
    if in_numpy:
        # The memory of the feed-forward part's gradient is that of the logits before.
        before = 4 * batch * 5 * model.mlp_width
        logits = max(0, 4 * parallel * logits_chunk(batch // parallel, vocabulary) - before)
        return numpy_bytes(model, run, tokens, batch), logits
    activations = activation_bytes(model, run, device, tokens, batch, weights.compute) + 10 * weights.unpacked
    if run.adapter.type == "full":
        return activations, 12 * batch * vocabulary
    two_models = bool(run.spec.divergence)
    return activations, parallel * chunked_logits_bytes(batch // parallel, vocabulary, two_models)


def _optimizer_bytes(run: Run, weights: _Weights, in_pass: int) -> int:
    """The optimizer's state and the gradients, beside the `in_pass` bytes that a pass takes."""
    states = OPTIMIZER_STATES[run.train.optimizer]
    if run.adapter.type != "full":
        return 4 * weights.trained * (1 + states)
    # Gradients and new weights come when the activations have gone: they count where they are more than those.
    updated = max(0, 2 * weights.bytes + 4 * 4 * weights.largest - in_pass)
    accumulated = 4 * weights.trained if run.train.gradient_accumulation_steps > 1 else 0
    return 4 * weights.trained * states + updated + accumulated


def _goes_through_numpy(config: Mapping[str, Any], run: Run, weights: _Weights) -> bool:
    """Whether the gradient of a step on a processor is computed with NumPy: see core.memory.numpy_conditions."""
    if objection_to_numpy(run, in_float32=weights.compute == 4) or weights.unpacked:
        return False
    return config.get("model_type") in BODIES and has_room_for_copy(4 * weights.in_blocks)


def _count_weights(config: Mapping[str, Any], run: Run, device: str, folder: Path | None) -> _Weights:
    in_files = read_headers(folder) if folder is not None else {}
    hidden_shapes = tensor_shapes.has_hidden_shapes(in_files)
    tensors = tensor_shapes.expected_tensors(config) if hidden_shapes or not in_files else in_files
    matrices = tensor_shapes.block_matrices(tensors)
    full, mode = run.adapter.type == "full", run.model.quantization
    compute = tensor_shapes.compute_bytes(run.model.dtype, device, full, tensors)
    shapes = [shape for _, shape in tensors.values()]
    packed = mode != UNPACKED or hidden_shapes or tensor_shapes.is_packed(tensors)
    return _Weights(
        bytes=stored_bytes(in_files if hidden_shapes else tensors, compute, mode, matrices),
        compute=compute,
        trained=count_elements(shapes) if full else _count_adapter(run, tensors, matrices),
        largest=max((count_elements([shape]) for shape in shapes), default=0),
        in_blocks=count_elements(matrices.values()),
        unpacked=max((count_elements([shape]) for shape in matrices.values()), default=0) if packed else 0,
    )


def _count_adapter(run: Run, tensors: Tensors, matrices: Mapping[str, Shape]) -> int:
    saved = count_saved_adapter(Path(run.adapter.init).expanduser()) if run.adapter.init else None
    return count_adapter(tensors, matrices, run.adapter) if saved is None else saved


def _frozen_bytes(folder: Path | None, dtype: str, device: str) -> int:
    """The weights of a model that is asked beside the one in training, in the precision that it is kept in."""
    tensors = read_headers(folder) if folder is not None else {}
    return stored_bytes(tensors, tensor_shapes.compute_bytes(dtype, device, False, tensors), UNPACKED, {})
