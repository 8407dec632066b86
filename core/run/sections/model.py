"""Section [model] of a run: which model, and how its weights are held."""

from dataclasses import dataclass

from core.options import option
from core.quant.modes import MODES, UNPACKED

STARTER = "starter"  # the small model that ships inside


@dataclass(frozen=True)
class Model:
    """Which model, and how its weights are held."""

    path: str = option(
        STARTER,
        "A folder, a Hugging Face id such as Qwen/Qwen3-0.6B, or 'starter', the small model that ships inside.",
        flag="model",
        label="Model",
        basic=True,
    )
    revision: str | None = option(None, "Branch, tag or commit of a Hugging Face model.", unset="the newest")
    dtype: str = option(
        "auto",
        "Precision of activations and matrix products. 'auto': the model's own on a GPU; 'float32' on a CPU, the "
        "fastest there.",
        choices=("auto", "float32", "bfloat16", "float16"),
        labels={
            "auto": "Automatic",
            "float32": "32 bit",
            "bfloat16": "16 bit (bfloat16)",
            "float16": "16 bit (float16)",
        },
        label="Compute precision",
        when="Choose 'float32' to compare runs exactly.",
    )
    quantization: str = option(
        UNPACKED,
        "Quantize the base model's weights while training, which saves most of its memory. The adapter stays "
        "in full precision.",
        choices=(UNPACKED, *MODES),
        labels={UNPACKED: "Full precision", **{mode.name: mode.title for mode in MODES.values()}},
        label="Base precision",
        basic=True,
        when="Choose 'nf4' if the model does not fit into memory (QLoRA), 'int8' to lose less accuracy.",
    )
    double_quantization: bool = option(
        False,
        "Quantize the scales of nf4 and fp4 as well, which saves another 0.4 bits a weight.",
        label="Double quantization",
        when="Switch it on for the last few per cent of memory; off, as in bitsandbytes, is a little quicker.",
    )
    allow_code: bool = option(
        False,
        "Let the model folder run its own Python code, as it is now, while loading. Only for a model you trust.",
        flag="allow-model-code",
        label="Allow code from the model folder",
    )
