"""Section [adapter] of a run: what is trained."""

from dataclasses import dataclass

from core.options import option


@dataclass(frozen=True)
class Adapter:
    """What is trained."""

    type: str = option(
        "lora",
        "LoRA trains low-rank matrices beside frozen weights; DoRA trains a magnitude for each output as well; "
        "'full' trains every weight.",
        choices=("lora", "dora", "full"),
        labels={"lora": "LoRA", "dora": "DoRA", "full": "All weights"},
        flag="adapter",
        label="What is trained",
        basic=True,
    )
    rank: int = option(
        16,
        "Rank of the adapter's low-rank matrices: how much it can learn, and how large it is.",
        low=1,
        high=1024,
        flag="lora-r",
        label="Rank",
        basic=True,
        when="Raise it for harder tasks with much data; 8 to 32 suits most.",
    )
    alpha: float | None = option(
        None,
        "Scale of the adapter: its output is multiplied by alpha / rank.",
        low=0.0001,
        high=4096,
        flag="lora-alpha",
        label="Alpha",
        unset="2 × rank",
    )
    rslora: bool = option(
        False,
        "Scale the adapter by alpha / √rank instead of alpha / rank (rsLoRA).",
        label="Rank-stabilized scale",
        when="Switch it on for ranks of 64 and more, which plain LoRA scales down too far.",
    )
    plus: float | None = option(
        None,
        "Learning rate of the adapter's B matrices, as a multiple of that of its A matrices (LoRA+).",
        low=1.0,
        high=1024.0,
        flag="loraplus-lr-ratio",
        label="LoRA+ ratio",
        unset="1, plain LoRA",
        when="Try 16 if the loss falls slowly.",
    )
    dropout: float = option(
        0.0,
        "Share of the adapter's inputs set to zero at random in each step, against overfitting.",
        low=0.0,
        high=0.9,
        flag="lora-dropout",
        label="Dropout",
    )
    targets: str = option(
        "all",
        "Modules that get an adapter: all (linear layers), attention, embeddings, head, names or patterns "
        "(*.mlp.*), divided by commas.",
        flag="lora-targets",
        label="Target modules",
    )
    layers: int | None = option(
        None,
        "Only the last N transformer blocks get an adapter.",
        low=1,
        high=10_000,
        flag="lora-layers",
        label="Adapted blocks",
        unset="all",
    )
    init: str | None = option(
        None,
        "Folder of an adapter to continue from, as Hone, mlx-lm or PEFT saved it; its rank, alpha and target "
        "modules are kept.",
        flag="init-adapter",
        label="Start from adapter",
        unset="a fresh one",
    )
