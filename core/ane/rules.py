"""Which models and which jobs the Neural Engine takes. From config.json and the run alone: nothing is loaded."""

from collections.abc import Mapping
from typing import Any

from core.ane.block import LINEARS
from core.ane.program import BUCKETS
from core.ane.verdict import Verdict, refused
from core.model.target_names import split_targets
from core.run import Run

FAMILIES = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen 2", "qwen3": "Qwen 3"}
ADAPTERS = {"dora": "DoRA", "full": "Training all weights"}
ROPE_TYPES = ("default", "linear", "llama3")
LARGEST_SIZE = 16384  # of a layer's channels
LARGEST_BLOCK = 500_000_000  # bytes of a block's constants
TARGETS = {"all", "attention", *(attribute for _, attribute in LINEARS.values())}  # of --lora-targets


def judge_model(config: Mapping[str, Any]) -> Verdict | None:
    """Why no program is made for a model with this config.json; None where one is."""
    kind = str(config.get("model_type", ""))
    if kind not in FAMILIES:
        names = ", ".join(FAMILIES.values())
        return refused("arch", f"Models of the kind {kind or 'unknown'} are not supported there; {names} are.")
    return _judge_layers(config, FAMILIES[kind]) or _judge_rope(config) or _judge_sizes(config)


def _judge_layers(config: Mapping[str, Any], title: str) -> Verdict | None:
    activation = config.get("hidden_act", "silu")
    if activation != "silu":
        return refused("layers", f"{title} with the activation {activation} is not supported there; silu is.")
    for key, what in (("attention_bias", "attention"), ("mlp_bias", "MLP")):
        if config.get(key):
            return refused("layers", f"{title} with a bias in its {what} layers is not supported there.")
    window = config.get("sliding_window") and config.get("use_sliding_window", config.get("model_type") == "mistral")
    if window or any(kind != "full_attention" for kind in config.get("layer_types") or ()):
        return refused("layers", f"{title} with a sliding window is not supported there.")
    if config.get("num_local_experts") or config.get("num_experts"):
        return refused("layers", f"{title} with experts is not supported there.")
    return None


def _judge_rope(config: Mapping[str, Any]) -> Verdict | None:
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    kind = scaling.get("rope_type") or scaling.get("type") or "default"
    if kind not in ROPE_TYPES:
        return refused("rope", f"Positions of the kind {kind} are not supported there; {', '.join(ROPE_TYPES)} are.")
    if config.get("rope_traditional") or float(config.get("partial_rotary_factor", 1) or 1) != 1:
        return refused("rope", "Positions that turn neighbouring or only some channels are not supported there.")
    return None


def _judge_sizes(config: Mapping[str, Any]) -> Verdict | None:
    hidden, inner = int(config["hidden_size"]), int(config["intermediate_size"])
    heads = int(config["num_attention_heads"])
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head_dim = int(config.get("head_dim") or hidden // heads)
    largest = max(hidden, inner, heads * head_dim)
    if largest > LARGEST_SIZE:
        return refused("dims", f"A layer of {largest:,} channels is too wide for it; {LARGEST_SIZE:,} are possible.")
    block = 2 * hidden * (3 * inner + 2 * head_dim * (heads + kv_heads))
    if block > LARGEST_BLOCK:
        size = f"{block / 1e6:,.0f} MB"
        return refused("dims", f"A block of {size} is too large for it; {LARGEST_BLOCK // 1_000_000} MB are possible.")
    return None


def judge_job(run: Run, longest: int | None = None) -> Verdict | None:
    """Why a run cannot compute its steps there; None where it can. `longest` is its longest text, where it is known."""
    forward = judge_forward_job(run, longest)
    if forward:
        return forward
    if run.adapter.dropout:
        return refused("adapter", "LoRA with dropout is not supported there.")
    if run.train.gradient_checkpointing == "on":
        return refused("trainer", "Gradient checkpointing would compute each forward pass there twice.")
    return None


def judge_forward_job(run: Run, longest: int | None = None) -> Verdict | None:
    """Why a run cannot even compute passes without a gradient there, reference and validation; None where it can."""
    adapter = run.adapter
    if adapter.type != "lora":
        return refused("adapter", f"{ADAPTERS[adapter.type]} is not supported there; LoRA is.")
    unknown = [word for word in split_targets(adapter.targets) if word.rpartition(".")[2] not in TARGETS]
    if unknown:
        return refused("adapter", f"An adapter on {unknown[0]} is not supported there; on the blocks' linears it is.")
    if run.spec.on_policy or run.spec.divergence:
        return refused("trainer", f"{run.spec.title} is not supported there: it needs another kind of forward pass.")
    if longest is not None and longest > BUCKETS[-1]:
        return refused("seq", f"The longest text has {longest:,} tokens; {BUCKETS[-1]:,} are possible there.")
    return None


def judge_memory(parameters: int, free_memory: int, free_disk: int, *, grows: bool = False) -> Verdict | None:
    """Why a model of so many weights finds no room for its programs; None where it does. All in bytes.

    Core ML keeps the constants beside MLX's weights; a program lies on disk saved, compiled, and while it is made.
    `grows` says that the weights are in 16 bit, and in float32 once the CPU computes with them.
    """
    size = 2 * parameters
    more = 2 * size if grows else size
    if more > free_memory:
        what = "Its programs and the weights in float32" if grows else "Its programs"
        return refused("memory", f"{what} take {more / 1e9:.1f} GB of memory more, and {_gb(free_memory)} are free.")
    if 3 * size > free_disk:
        return refused("memory", f"Its programs take {3 * size / 1e9:.1f} GB on disk, and {_gb(free_disk)} are free.")
    return None


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
