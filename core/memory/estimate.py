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
LOGITS_CHUNK, MIN_CHUNK_TOKENS = 1 << 20, 64  # logits made at a time, of that many tokens: see core.model.lm_head
# At once on a processor: more made a step no quicker. So many answers are learned from together in any case, because
# each batch computes their prompt.
CPU_TOKENS, CPU_ANSWERS = 512, 8
ATTENTION_TILE = 128  # queries whose scores are made at a time on a processor, see core.model.tiled_attention
CHUNKS_AHEAD = 4  # arrays of the next chunks that MLX lays out before the last one is done, measured
PROMPTS_AT_ONCE = 64  # answers to a dataset's prompts that are written at once, at most
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
class _Transformer:
    """The sizes in a model's config.json that memory follows from."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp_width: int  # of all experts that a token goes through

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "_Transformer | None":
        """None for a config of an unusual kind."""
        if not all(isinstance(config.get(k), int) for k in ("hidden_size", "num_hidden_layers", "num_attention_heads")):
            return None
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        width = int(config.get("moe_intermediate_size") or config.get("intermediate_size") or 4 * hidden)
        return cls(
            hidden,
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or hidden // heads),
            mlp_width=width * max(1, int(config.get("num_experts_per_tok") or 0)),
        )


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
    model = _Transformer.from_config(text_config)
    if model is None:
        return None
    weights = _count_weights(text_config, run, device, folder)
    if run.spec.precomputed:  # the second text of a row gets no gradient
        tokens = -(-tokens // 2)
    rows = _rows_per_pass(run, device)
    parallel = min(parallel_batches(run, device), rows)
    batch = rows * tokens
    vocabulary = int(text_config.get("vocab_size", config.get("vocab_size", 32_000)))
    in_numpy = device == "cpu" and _goes_through_numpy(text_config, run, weights)
    activations = _activation_bytes(model, run, device, tokens, batch, weights.compute) + 10 * weights.unpacked
    states, full = OPTIMIZER_STATES[run.train.optimizer], run.adapter.type == "full"
    if full:
        logits, optimizer = 12 * batch * vocabulary, 4 * weights.trained * states
        # Gradients and new weights come when the activations have gone: they count where they are more than those.
        optimizer += max(0, 2 * weights.bytes + 4 * 4 * weights.largest - activations - logits)
        if run.train.gradient_accumulation_steps > 1:
            optimizer += 4 * weights.trained  # the gradients so far
    elif in_numpy:
        activations = _numpy_bytes(model, run, tokens, batch)
        # The memory of the feed-forward part's gradient is that of the logits before.
        logits = max(0, 4 * parallel * _logits_chunk(batch // parallel, vocabulary) - 4 * batch * 5 * model.mlp_width)
        optimizer = 4 * weights.trained * (1 + states)
    else:
        logits = parallel * _chunked_logits_bytes(batch // parallel, vocabulary, two_models=bool(run.spec.divergence))
        optimizer = 4 * weights.trained * (1 + states)
    return Estimate(
        weights=weights.bytes,
        adapter=0 if full else 4 * weights.trained,
        optimizer=optimizer,
        activations=activations,
        logits=logits,
        copy=4 * weights.in_blocks if in_numpy else 0,
        teacher=_frozen_bytes(teacher, run.model.dtype, device),
        answers=_answer_bytes(model, run, tokens, weights.compute, vocabulary),
    )


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


def learned_at_once(options: Any, device: str, tokens: int) -> int:
    """How many answers of so many tokens go through the model at once, over all parallel batches."""
    most = int(options.micro_batch_size)
    if device != "cpu" or options.loss_type == "bnpo":  # whose loss is a mean over the batch that was asked for
        return most
    return min(most, max(CPU_ANSWERS, CPU_TOKENS // tokens))


def _rows_per_pass(run: Run, device: str) -> int:
    """Rows, or answers that the model wrote, which go through it at once."""
    if not run.spec.on_policy:
        return run.train.batch_size
    most = learned_at_once(run.options, device, run.options.max_completion_length)
    return most if run.options.replay else min(most, _answers_per_step(run))


def _answers_per_step(run: Run) -> int:
    """Answers that the model writes for a step."""
    prompts = run.train.batch_size * run.train.gradient_accumulation_steps
    return int(prompts * run.options.group_size if run.spec.on_policy else prompts)


def _activation_bytes(model: _Transformer, run: Run, device: str, tokens: int, batch: int, compute: int) -> int:
    """What a forward pass over `batch` tokens keeps for the gradient, and what one block's backward pass adds.

    `tokens` are those of a row. Of each token in each head, a number of attention scores is kept until the end.
    """
    per_text = -(-tokens // run.texts_per_row)  # what a token may look back on
    # In tiles (core.model.tiled_attention) about the half that a token sees is kept; MLX's own gradient keeps more.
    tiled = device == "cpu" and compute == 4 and run.data.packing and not run.spec.precomputed
    span = per_text if tiled else tokens
    scores = 0.45 * per_text + ATTENTION_TILE / 2 if tiled else 0.8 * tokens
    head_dim, heads, kv_heads = model.head_dim, model.heads, model.kv_heads
    # Numbers that a block keeps of each token.
    per_token = 4 * model.hidden + head_dim * (3 * heads + 3 * kv_heads) + 5 * model.mlp_width
    if run.adapter.type == "dora":  # what each layer gives, once more before its magnitude
        per_token += 2 * model.hidden + head_dim * (heads + 2 * kv_heads) + 2 * model.mlp_width
    # Both factors of attention are measured: how much of it stays until the end, and how much comes up in one block.
    if run.train.gradient_checkpointing == "on":
        return int(compute * batch * (model.layers * model.hidden + per_token + 2.5 * heads * span))
    return int(compute * batch * (model.layers + 1) * (per_token + heads * scores))


def _goes_through_numpy(config: Mapping[str, Any], run: Run, weights: _Weights) -> bool:
    """Whether the gradient of a step on a processor is computed with NumPy: see core.memory.numpy_conditions."""
    if objection_to_numpy(run, in_float32=weights.compute == 4) or weights.unpacked:
        return False
    return config.get("model_type") in BODIES and has_room_for_copy(4 * weights.in_blocks)


def _numpy_bytes(model: _Transformer, run: Run, tokens: int, batch: int) -> int:
    """What the blocks keep of each token, and what the gradient of one takes in between.

    Measured: a fifth more than these arrays.
    """
    per_text = -(-tokens // run.texts_per_row)
    heads, all_heads = model.heads, model.heads + model.kv_heads
    scores = heads * (0.45 * per_text + ATTENTION_TILE / 2)
    per_token = 2 * model.hidden + 3 * model.head_dim * all_heads + 2 * model.mlp_width + scores
    in_between = 4 * model.hidden + 2 * model.head_dim * all_heads + 5 * model.mlp_width
    kept = model.hidden if run.train.gradient_checkpointing == "on" else per_token
    once = 1.5 * per_token if run.train.gradient_checkpointing == "on" else 0
    return int(1.2 * 4 * batch * (model.layers * kept + once + in_between))


def _logits_chunk(tokens: int, vocabulary: int) -> int:
    """Logits that are made at a time."""
    return min(tokens, max(MIN_CHUNK_TOKENS, LOGITS_CHUNK // vocabulary)) * vocabulary


def _chunked_logits_bytes(tokens: int, vocabulary: int, two_models: bool) -> int:
    """Float32 logits, their exponentials and their gradient, a chunk at a time; with `two_models` a teacher's too."""
    chunk = min(tokens, max(1 if two_models else MIN_CHUNK_TOKENS, LOGITS_CHUNK // vocabulary))
    chunks = -(-tokens // chunk)
    return 4 * chunk * vocabulary * (3 + min(chunks - 1, CHUNKS_AHEAD)) * (2 if two_models else 1)


def _answer_bytes(model: _Transformer, run: Run, tokens: int, compute: int, vocabulary: int) -> int:
    """Keys and values of all texts that are written at once, and the logits of their next token."""
    if run.spec.on_policy:
        count = 0 if run.options.replay else min(run.options.answers_at_once, _answers_per_step(run))
    else:
        count = min(PROMPTS_AT_ONCE, _answers_per_step(run)) if run.on_policy_share else 0
    cache = 2 * model.layers * model.kv_heads * model.head_dim * tokens * compute
    return int(count * (cache + 12 * vocabulary))
