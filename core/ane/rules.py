"""Which models and which jobs the Neural Engine takes. From config.json and the run alone: nothing is loaded."""

from collections.abc import Mapping
from typing import Any

from core.ane.block import LINEARS
from core.ane.program import BUCKETS
from core.ane.verdict import Verdict, refused
from core.model.target_names import split_targets
from core.run import Run
from core.text.sentence import say

FAMILIES = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen 2", "qwen3": "Qwen 3"}
ADAPTERS = {"dora": "DoRA", "full": say("Training all weights")}
ROPE_TYPES = ("default", "linear", "llama3")
LARGEST_SIZE = 16384  # of a layer's channels
LARGEST_BLOCK = 500_000_000  # bytes of a block's constants
TARGETS = {"all", "attention", *(attribute for _, attribute in LINEARS.values())}  # of --lora-targets


def judge_model(config: Mapping[str, Any]) -> Verdict | None:
    """Why no program is made for a model with this config.json; None where one is."""
    kind = str(config.get("model_type", ""))
    if kind not in FAMILIES:
        names = ", ".join(FAMILIES.values())
        return refused(
            "arch",
            say(
                "Models of the kind {kind} are not supported there; {names} are.",
                kind=kind or say("unknown"),
                names=names,
            ),
        )
    return _judge_layers(config, FAMILIES[kind]) or _judge_rope(config) or _judge_sizes(config)


def _judge_layers(config: Mapping[str, Any], title: str) -> Verdict | None:
    activation = config.get("hidden_act", "silu")
    if activation != "silu":
        return refused(
            "layers",
            say(
                "{title} with the activation {activation} is not supported there; silu is.",
                title=title,
                activation=activation,
            ),
        )
    for key, what in (("attention_bias", "attention"), ("mlp_bias", "MLP")):
        if config.get(key):
            return refused(
                "layers",
                say("{title} with a bias in its {what} layers is not supported there.", title=title, what=what),
            )
    window = config.get("sliding_window") and config.get("use_sliding_window", config.get("model_type") == "mistral")
    if window or any(kind != "full_attention" for kind in config.get("layer_types") or ()):
        return refused("layers", say("{title} with a sliding window is not supported there.", title=title))
    if config.get("num_local_experts") or config.get("num_experts"):
        return refused("layers", say("{title} with experts is not supported there.", title=title))
    return None


def _judge_rope(config: Mapping[str, Any]) -> Verdict | None:
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    kind = scaling.get("rope_type") or scaling.get("type") or "default"
    if kind not in ROPE_TYPES:
        return refused(
            "rope",
            say(
                "Positions of the kind {kind} are not supported there; {known} are.",
                kind=kind,
                known=", ".join(ROPE_TYPES),
            ),
        )
    if config.get("rope_traditional") or float(config.get("partial_rotary_factor", 1) or 1) != 1:
        return refused("rope", say("Positions that turn neighbouring or only some channels are not supported there."))
    return None


def _judge_sizes(config: Mapping[str, Any]) -> Verdict | None:
    hidden, inner = int(config["hidden_size"]), int(config["intermediate_size"])
    heads = int(config["num_attention_heads"])
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head_dim = int(config.get("head_dim") or hidden // heads)
    largest = max(hidden, inner, heads * head_dim)
    if largest > LARGEST_SIZE:
        return refused(
            "dims",
            say(
                "A layer of {size:,} channels is too wide for it; {most:,} are possible.",
                size=largest,
                most=LARGEST_SIZE,
            ),
        )
    block = 2 * hidden * (3 * inner + 2 * head_dim * (heads + kv_heads))
    if block > LARGEST_BLOCK:
        size = f"{block / 1e6:,.0f} MB"
        return refused(
            "dims",
            say(
                "A block of {size} is too large for it; {most} MB are possible.",
                size=size,
                most=LARGEST_BLOCK // 1000000,
            ),
        )
    return None


def judge_job(run: Run, longest: int | None = None) -> Verdict | None:
    """Why a run cannot compute its steps there; None where it can. `longest` is its longest text, where it is known."""
    forward = judge_forward_job(run, longest)
    if forward:
        return forward
    if run.adapter.dropout:
        return refused("adapter", say("LoRA with dropout is not supported there."))
    if run.train.gradient_checkpointing == "on":
        return refused("trainer", say("Gradient checkpointing would compute each forward pass there twice."))
    return None


def judge_forward_job(run: Run, longest: int | None = None) -> Verdict | None:
    """Why a run cannot even compute passes without a gradient there, reference and validation; None where it can."""
    adapter = run.adapter
    if adapter.type != "lora":
        return refused("adapter", say("{title} is not supported there; LoRA is.", title=ADAPTERS[adapter.type]))
    unknown = [word for word in split_targets(adapter.targets) if word.rpartition(".")[2] not in TARGETS]
    if unknown:
        return refused(
            "adapter",
            say("An adapter on {target} is not supported there; on the blocks' linears it is.", target=unknown[0]),
        )
    if run.spec.on_policy or run.spec.divergence:
        return refused(
            "trainer",
            say("{title} is not supported there: it needs another kind of forward pass.", title=say(run.spec.title)),
        )
    if longest is not None and longest > BUCKETS[-1]:
        return refused(
            "seq",
            say(
                "The longest text has {longest:,} tokens; {most:,} are possible there.",
                longest=longest,
                most=BUCKETS[-1],
            ),
        )
    return None


def judge_memory(parameters: int, free_memory: int, free_disk: int, *, grows: bool = False) -> Verdict | None:
    """Why a model of so many weights finds no room for its programs; None where it does. All in bytes.

    Core ML keeps the constants beside MLX's weights; a program lies on disk saved, compiled, and while it is made.
    `grows` says that the weights are in 16 bit, and in float32 once the CPU computes with them.
    """
    size = 2 * parameters
    more = 2 * size if grows else size
    if more > free_memory:
        what = say("Its programs and the weights in float32") if grows else say("Its programs")
        return refused(
            "memory",
            say(
                "{what} take {size:.1f} GB of memory more, and {free} are free.",
                what=what,
                size=more / 1e9,
                free=_gb(free_memory),
            ),
        )
    if 3 * size > free_disk:
        return refused(
            "memory",
            say(
                "Its programs take {size:.1f} GB on disk, and {free} are free.",
                size=3 * size / 1e9,
                free=_gb(free_disk),
            ),
        )
    return None


def _gb(size: int) -> str:
    return say("{size:.1f} GB", size=size / 1e9)
