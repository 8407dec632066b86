"""What a batch's pass through a model takes, by the sizes in its config.json: activations, logits, and what writing
answers takes. Needs no MLX."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.memory.rows_at_once import PROMPTS_AT_ONCE, answers_per_step
from core.model.chunk_sizes import ATTENTION_TILE, LOGITS_CHUNK, MIN_CHUNK_TOKENS
from core.run import Run

CHUNKS_AHEAD = 4  # arrays of the next chunks that MLX lays out before the last one is done, measured


@dataclass(frozen=True)
class ModelSizes:
    """The sizes in a model's config.json that memory follows from."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp_width: int  # of all experts that a token goes through

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "ModelSizes | None":
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


def activation_bytes(model: ModelSizes, run: Run, device: str, tokens: int, batch: int, compute: int) -> int:
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


def numpy_bytes(model: ModelSizes, run: Run, tokens: int, batch: int) -> int:
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


def logits_chunk(tokens: int, vocabulary: int) -> int:
    """Logits that are made at a time."""
    return min(tokens, max(MIN_CHUNK_TOKENS, LOGITS_CHUNK // vocabulary)) * vocabulary


def chunked_logits_bytes(tokens: int, vocabulary: int, two_models: bool) -> int:
    """Float32 logits, their exponentials and their gradient, a chunk at a time; with `two_models` a teacher's too."""
    chunk = min(tokens, max(1 if two_models else MIN_CHUNK_TOKENS, LOGITS_CHUNK // vocabulary))
    chunks = -(-tokens // chunk)
    return 4 * chunk * vocabulary * (3 + min(chunks - 1, CHUNKS_AHEAD)) * (2 if two_models else 1)


def answer_bytes(model: ModelSizes, run: Run, tokens: int, compute: int, vocabulary: int) -> int:
    """Keys and values of all texts that are written at once, and the logits of their next token."""
    if run.spec.on_policy:
        count = 0 if run.options.replay else min(run.options.answers_at_once, answers_per_step(run))
    else:
        count = min(PROMPTS_AT_ONCE, answers_per_step(run)) if run.on_policy_share else 0
    cache = 2 * model.layers * model.kv_heads * model.head_dim * tokens * compute
    return int(count * (cache + 12 * vocabulary))
