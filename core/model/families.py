"""The model families that Hone is tested with, and the limits of each. Needs no MLX: the window and docs read it too.

"Tried" means: a tiny random model of the family is loaded in every base precision, an adapter on every linear layer
gets a gradient in every tensor, and comes back from its files with the same logits (tests/core/model/test_families.py).
Other families that mlx-lm can load mostly work as well; the user is told that they are untried.
"""

from dataclasses import dataclass

from core.text.sentence import say

TRIED, UNTRIED, UNSUPPORTED = "tried", "untried", "unsupported"


@dataclass(frozen=True)
class Family:
    """One family of model architectures."""

    title: str
    kinds: tuple[str, ...]  # model_type in config.json; the name is a key of `hone doctor --json`
    limits: str = ""  # a sentence for the user; "" where there are none
    same_names: bool = False  # mlx-lm's tensors have the names and shapes of the original files
    unsupported: str = ""  # why it cannot be trained
    wrong_on_cuda: str = ""  # what MLX does wrong with it on a CUDA GPU


_NOT_PACKED = "Rows are not packed: its layers carry something from token to token that packing would mix."
_EXPERT_LIMITS = (
    "The experts get no DoRA and have no form in PEFT's files; merge the adapter for use elsewhere. The loss has no "
    "term that spreads the load over experts, as in TRL with router_aux_loss_coef 0."
)
# Seen with MLX 0.32.4 on an H200: of 180 texts of up to 140 tokens, one at a time, 21 got logits that had nothing to do
# with those of the CPU.
_SINKS = "MLX gives wrong numbers for some lengths of text there"

FAMILIES: tuple[Family, ...] = (
    Family("Llama 2, 3", ("llama",), same_names=True),
    Family("Llama 4", ("llama4", "llama4_text"), f"{_NOT_PACKED} {_EXPERT_LIMITS}"),
    Family("Qwen 2, 2.5", ("qwen2",), same_names=True),
    Family("Qwen 3", ("qwen3",), same_names=True),
    Family("Qwen 3 with experts", ("qwen3_moe",), _EXPERT_LIMITS),
    Family(
        "Qwen 3 Next, 3.5", ("qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe"), f"{_NOT_PACKED} {_EXPERT_LIMITS}"
    ),
    Family("Gemma 2", ("gemma2",), "Rows are not packed: its capped attention takes no mask of blocks.", True),
    Family("Gemma 3", ("gemma3", "gemma3_text")),
    Family("Gemma 4", ("gemma4", "gemma4_text")),
    Family("Mistral", ("mistral",), same_names=True),
    Family("Mixtral", ("mixtral",), _EXPERT_LIMITS),
    Family("Phi 3, 4", ("phi3",), same_names=True),
    Family("DeepSeek V3", ("deepseek_v3",), f"Two narrow layers of its attention get no adapter. {_EXPERT_LIMITS}"),
    Family("Cohere", ("cohere", "cohere2"), same_names=True),
    Family("Granite", ("granite",), same_names=True),
    Family("Nemotron-H", ("nemotron_h",), _NOT_PACKED),
    Family("GPT-OSS", ("gpt_oss",), f"Not on a CUDA GPU: {_SINKS}. {_EXPERT_LIMITS}", wrong_on_cuda=_SINKS),
    Family("OLMo 2", ("olmo2",), same_names=True),
    Family("SmolLM 3", ("smollm3",), same_names=True),
    Family("BitNet", ("bitnet",), unsupported=say("its layers compute in a kernel that has no gradient")),
)

# mlx-lm's (module, class) of the blocks whose structure core.adapters.fused_blocks knows, by model_type.
BODIES = {
    "llama": ("llama", "LlamaModel"),
    "mistral": ("llama", "LlamaModel"),
    "qwen2": ("qwen2", "Qwen2Model"),
    "qwen3": ("qwen3", "Qwen3Model"),
}


def find_family(model_type: str) -> Family | None:
    """The family of a model_type, or None."""
    return next((family for family in FAMILIES if model_type in family.kinds), None)


def describe_support(model_type: str) -> tuple[str, str]:
    """(TRIED, UNTRIED or UNSUPPORTED; a sentence for the user, or "") for a model_type."""
    family = find_family(model_type)
    if family is None:
        return UNTRIED, say(
            "The architecture {model_type} is not among those that are tried; it may well work.", model_type=model_type
        )
    if family.unsupported:
        return UNSUPPORTED, say(
            "{title} cannot be trained: {unsupported}.", title=family.title, unsupported=family.unsupported
        )
    return TRIED, family.limits
