"""How much memory a training step takes, told before anything is loaded: from config.json and the files' headers.

Needs no MLX. The figure is a range: it knows the shapes, not what MLX keeps at which moment. At the start of a run one
real step on the longest batch takes its place (core.training.trainer).
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.device.parallel_plan import parallel_batches
from core.model.target_names import ROUTERS, means, words
from core.quant.modes import MODES, UNPACKED

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "F32": 4, "BF16": 2, "F16": 2, "U32": 4, "U8": 1, "I8": 1}
STATES = {"adamw": 2, "adam": 2, "lion": 1, "sgd": 0}  # numbers that an optimizer keeps for each trained one
LOGITS_CHUNK, MIN_CHUNK_TOKENS = (
    1 << 20,
    64,
)  # logits made at a time, and of how many tokens at least: see core.model.lm_head
TILE = 128  # queries whose scores are made at a time on a processor, see core.model.tiled_attention
AHEAD = 4  # arrays of the next pieces that MLX lays out before the last one is done, measured
PROMPTS_AT_ONCE = 64  # answers of a dataset's questions that are written at once, at most
SPREAD = 0.2  # how far either way the range reaches

Tensors = dict[str, tuple[str, tuple[int, ...]]]  # name → (type as safetensors has it, shape)


@dataclass(frozen=True)
class Estimate:
    """Bytes of one training step, by what takes them."""

    weights: int
    adapter: int
    optimizer: int  # its state, and the gradients
    activations: int
    logits: int
    teacher: int = 0  # weights of the model that stays in memory beside the one in training
    answers: int = 0  # what writing answers takes: the texts so far, and the logits of one token each

    @property
    def total(self) -> int:
        # Answers are written and learned from in turn.
        step = max(self.activations + self.logits, self.answers)
        return self.weights + self.teacher + self.adapter + self.optimizer + step

    @property
    def low(self) -> int:
        return int(self.total * (1 - SPREAD))

    @property
    def high(self) -> int:
        return int(self.total * (1 + SPREAD))

    @property
    def words(self) -> str:
        """The range for people: "5 to 7 GB"."""
        low, high = self.low / 1e9, self.high / 1e9
        if high < 1:
            return f"{max(1, round(low * 1000, -1)):.0f} to {round(high * 1000, -1):.0f} MB"
        return f"{low:.1f} to {high:.1f} GB" if high < 10 else f"{low:.0f} to {high:.0f} GB"


def estimate_step(
    config: Mapping[str, Any],
    run: Any,
    *,
    device: str,
    tokens: int,
    folder: Path | None = None,
    teacher: Path | None = None,
) -> Estimate | None:
    """What a step of a run (core.run.Run) takes on a "cpu" or "gpu", with rows of up to `tokens` tokens.

    `config` is the model's config.json; with `folder` the weights are counted from its files' headers, else from
    `config`; None where that is of an unusual kind. `teacher` is the folder of the model that stays in memory beside
    it, if one does (core.reference.frozen_model.find_live_teacher). Two texts a row, as pairs have, count by themselves: give
    the sum. Where answers are written, give question and longest answer together.
    """
    about = config.get("text_config", config)
    if not all(
        isinstance(about.get(name), int) for name in ("hidden_size", "num_hidden_layers", "num_attention_heads")
    ):
        return None
    lying = read_headers(folder) if folder is not None else {}
    flat = any(name.endswith((".absmax", ".SCB")) for name in lying)  # bitsandbytes' layout hides the shapes
    found = _expected(about) if flat else lying or _expected(about)
    full = run.adapter.type == "full"
    compute = _compute(run.model.dtype, device, full, found)
    blocks = {name: shape for name, (_, shape) in found.items() if _is_matrix(name, shape)}
    mode = run.model.quantization
    counted = lying if flat else found
    weights = sum(_stored(name, kind, shape, compute, mode, blocks) for name, (kind, shape) in counted.items())
    trained = _count(shape for _, shape in found.values()) if full else _added(found, blocks, run.adapter)
    if run.spec.precomputed:  # the second text of a row gets no gradient
        tokens = -(-tokens // 2)
    rows = _learned_together(run)
    lanes = min(parallel_batches(run, device), rows)
    batch, recompute = rows * tokens, run.train.gradient_checkpointing == "on"
    span = -(-tokens // run.texts)  # what a token may look back on
    # In tiles (core.model.tiled_attention) about the half that a token sees is kept; MLX's own gradient keeps more.
    tiled = device == "cpu" and compute == 4 and run.data.packing and not run.spec.precomputed
    scores = 0.45 * span + TILE / 2 if tiled else 0.8 * tokens
    kept = _activations(about, batch, span if tiled else tokens, compute, recompute, scores, run.adapter.type == "dora")
    largest = max((_size(shape) for _, shape in found.values()), default=0)
    if mode != UNPACKED or flat or _comes_packed(found):
        kept += 10 * max((_size(shape) for shape in blocks.values()), default=0)  # one matrix while it is unpacked
    vocabulary = int(about.get("vocab_size", config.get("vocab_size", 32_000)))
    states = STATES[run.train.optimizer]
    if full:
        logits, optimizer = 12 * batch * vocabulary, 4 * trained * states
        # Gradients and new weights come when the activations have gone: they count where they are more than those.
        optimizer += max(0, 2 * weights + 4 * 4 * largest - kept - logits)
        if run.train.gradient_accumulation_steps > 1:
            optimizer += 4 * trained  # the gradients so far
    else:
        logits = lanes * _piecewise(batch // lanes, vocabulary, compared=bool(run.spec.divergence))
        optimizer = 4 * trained * (1 + states)
    return Estimate(
        weights=weights,
        adapter=0 if full else 4 * trained,
        optimizer=optimizer,
        activations=kept,
        logits=logits,
        teacher=_held(teacher, run.model.dtype, device),
        answers=_answers(about, run, tokens, compute, vocabulary),
    )


def _learned_together(run: Any) -> int:
    """Rows, or answers that the model wrote, which go through it at once."""
    if not run.spec.on_policy:
        return int(run.train.batch_size)
    return int(run.options.micro_batch_size if run.options.replay else min(run.options.micro_batch_size, _asked(run)))


def _asked(run: Any) -> int:
    """Answers that a step asks for."""
    questions = run.train.batch_size * run.train.gradient_accumulation_steps
    return int(questions * run.options.group_size if run.spec.on_policy else questions)


def _held(folder: Path | None, dtype: str, device: str) -> int:
    """The weights of a model that is asked beside the one in training, as they are then kept."""
    lying = read_headers(folder) if folder is not None else {}
    compute = _compute(dtype, device, False, lying)
    return sum(_stored(name, kind, shape, compute, UNPACKED, {}) for name, (kind, shape) in lying.items())


def _piecewise(tokens: int, vocabulary: int, compared: bool) -> int:
    """Float32 logits, their exponentials and their gradient, a piece at a time; those of two models `compared`."""
    piece = min(tokens, max(1 if compared else MIN_CHUNK_TOKENS, LOGITS_CHUNK // vocabulary))
    pieces = -(-tokens // piece)
    return 4 * piece * vocabulary * (3 + min(pieces - 1, AHEAD)) * (2 if compared else 1)


def _answers(c: Mapping[str, Any], run: Any, tokens: int, compute: int, vocabulary: int) -> int:
    """Keys and values of all texts that are written at once, and the logits of their next token."""
    if run.spec.on_policy:
        count = 0 if run.options.replay else min(run.options.answers_at_once, _asked(run))
    else:
        count = min(PROMPTS_AT_ONCE, _asked(run)) if run.on_policy_share else 0
    width = int(c.get("head_dim") or int(c["hidden_size"]) // int(c["num_attention_heads"]))
    near = int(c.get("num_key_value_heads") or c["num_attention_heads"])
    text = 2 * int(c["num_hidden_layers"]) * near * width * tokens * compute
    return count * (text + 12 * vocabulary)


def suggest_savings(found: Estimate, usable: int, run: Any) -> str:
    """What to try where a step would not fit into so many bytes; "" where it fits."""
    if found.low <= usable:
        return ""
    need = f"This needs {found.words}, and {usable / 1e9:.1f} GB can be used"
    if run.adapter.type == "full":
        return f"{need}: try LoRA."
    if run.model.quantization == UNPACKED and found.weights > found.total / 3:
        return f"{need}: try 4 bit (nf4)."
    if run.spec.on_policy:
        if found.answers > found.activations + found.logits and run.options.answers_at_once > 1:
            return f"{need}: try to write fewer answers together (answers_at_once)."
        if run.options.micro_batch_size > 1:
            return f"{need}: try to learn from fewer answers together (micro_batch_size)."
    elif run.train.batch_size > 1:
        return f"{need}: try a smaller batch size, with accumulation in its place."
    if run.train.gradient_checkpointing != "on":
        return f"{need}: try gradient checkpointing or a lower maximum length."
    return f"{need}: try a lower maximum length or a smaller model."


def read_headers(folder: Path) -> Tensors:
    """Every tensor of a model folder, read from the first bytes of its safetensors files."""
    found: Tensors = {}
    for file in sorted(folder.glob("model*.safetensors")):
        with file.open("rb") as opened:
            (size,) = struct.unpack("<Q", opened.read(8))
            about = json.loads(opened.read(size))
        found |= {n: (v["dtype"], tuple(v["shape"])) for n, v in about.items() if n != "__metadata__"}
    return found


def _expected(c: Mapping[str, Any]) -> Tensors:
    """The tensors of a model of the usual build, by its config."""
    hidden, heads = int(c["hidden_size"]), int(c["num_attention_heads"])
    width = int(c.get("head_dim") or hidden // heads)
    near = int(c.get("num_key_value_heads") or heads) * width
    kind = {"float32": "F32", "float16": "F16"}.get(str(c.get("torch_dtype", c.get("dtype"))), "BF16")
    experts = int(c.get("num_experts") or c.get("num_local_experts") or c.get("n_routed_experts") or 0)
    inner = int(c.get("moe_intermediate_size") or c["intermediate_size"]) if experts else int(c["intermediate_size"])
    block = {
        "self_attn.q_proj": (heads * width, hidden),
        "self_attn.k_proj": (near, hidden),
        "self_attn.v_proj": (near, hidden),
        "self_attn.o_proj": (hidden, heads * width),
    }
    for i in range(max(1, experts)):
        at = f"mlp.experts.{i}" if experts else "mlp"
        block |= {f"{at}.gate_proj": (inner, hidden), f"{at}.up_proj": (inner, hidden)}
        block |= {f"{at}.down_proj": (hidden, inner)}
    found: Tensors = {"model.embed_tokens.weight": (kind, (int(c["vocab_size"]), hidden))}
    if not c.get("tie_word_embeddings", False):
        found["lm_head.weight"] = (kind, (int(c["vocab_size"]), hidden))
    for n in range(int(c["num_hidden_layers"])):
        found |= {f"model.layers.{n}.{name}.weight": (kind, shape) for name, shape in block.items()}
    return found


def _compute(asked: str, device: str, full: bool, found: Tensors) -> int:
    """Bytes of a number that is computed with."""
    if asked != "auto":
        return BYTES[asked]
    if device == "cpu" or full:
        return 4
    wide = sum(_size(s) for k, s in found.values() if k == "F32")
    return 4 if wide > sum(_size(s) for k, s in found.values() if k in ("BF16", "F16")) else 2


def _is_matrix(name: str, shape: tuple[int, ...]) -> bool:
    """Whether it is the weight of a linear layer inside a block."""
    return name.endswith(".weight") and len(shape) == 2 and "layers." in name and "norm" not in name


def _comes_packed(found: Tensors) -> bool:
    return any(name.endswith(".scales") for name in found)


def _stored(name: str, kind: str, shape: tuple[int, ...], compute: int, mode: str, blocks: Mapping[str, Any]) -> int:
    if _comes_packed_kind(kind) or name.endswith((".scales", ".biases")):
        return BYTES.get(kind, 4) * _size(shape)
    if mode != UNPACKED and name in blocks and _last(name) not in ROUTERS:
        return int(_size(shape) * MODES[mode].stored_bits() / 8)
    return compute * _size(shape)


def _comes_packed_kind(kind: str) -> bool:
    return kind in ("U32", "U8", "I8")


def _added(found: Tensors, blocks: Mapping[str, tuple[int, ...]], o: Any) -> int:
    """How many numbers an add-on has."""
    asked = words(o.targets)
    last = 1 + max((_block(name) for name in blocks), default=0)
    first = 0 if o.layers is None else last - o.layers
    total = 0
    for name, (kind, shape) in found.items():
        if len(shape) != 2 or not name.endswith(".weight") or (name in blocks and _block(name) < first):
            continue
        if any(means(word, name.removesuffix(".weight"), name in blocks) for word in asked):
            outputs, inputs = shape[0], shape[1] * (8 if kind == "U32" else 1)
            total += o.rank * (inputs + outputs) + (outputs if o.type == "dora" else 0)
    return total


def _activations(
    c: Mapping[str, Any], batch: int, span: int, compute: int, recompute: bool, scores: float, dora: bool
) -> int:
    """What a forward pass keeps for the gradient, and what the backward pass of one block needs beside.

    Attention spans so many tokens; `scores` of them stay until the end, of each token in each head.
    """
    hidden, layers, heads = int(c["hidden_size"]), int(c["num_hidden_layers"]), int(c["num_attention_heads"])
    width = int(c.get("head_dim") or hidden // heads)
    near = int(c.get("num_key_value_heads") or heads)
    used = int(c.get("num_experts_per_tok") or 0)
    inner = int(c.get("moe_intermediate_size") or c.get("intermediate_size") or 4 * hidden) * max(1, used)
    token = 4 * hidden + width * (3 * heads + 3 * near) + 5 * inner  # numbers that a block keeps of each token
    if dora:  # what each layer gives, once more before its gain
        token += 2 * hidden + width * (heads + 2 * near) + 2 * inner
    # Both factors of attention are measured: how much of it stays until the end, and how much comes up in one block.
    if recompute:
        return int(compute * batch * (layers * hidden + token + 2.5 * heads * span))
    return int(compute * batch * (layers + 1) * (token + heads * scores))


def _block(name: str) -> int:
    number = name.partition("layers.")[2].partition(".")[0]
    return int(number) if number.isdigit() else 0


def _last(name: str) -> str:
    return name.removesuffix(".weight").rpartition(".")[2]


def _count(shapes: Any) -> int:
    return sum(_size(shape) for shape in shapes)


def _size(shape: tuple[int, ...]) -> int:
    total = 1
    for n in shape:
        total *= n
    return total
