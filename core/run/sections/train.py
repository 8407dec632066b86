"""Section [train] of a run: how it is trained."""

from dataclasses import dataclass

from core.options import option

SWITCH = {"auto": "Automatic", "on": "On", "off": "Off"}  # what the window calls the choices of a switch


@dataclass(frozen=True)
class Train:
    """How it is trained."""

    epochs: float | None = option(
        None,
        "Passes over the training data, unless steps are given; 3 for most methods.",
        low=0.001,
        high=10_000,
        label="Epochs",
        basic=True,
        unset="the method's usual",
    )
    steps: int | None = option(
        None,
        "Number of optimizer steps, instead of epochs.",
        low=1,
        high=100_000_000,
        label="Steps",
        unset="from the epochs",
    )
    learning_rate: float | None = option(
        None,
        "Size of each optimizer step. By default the method's value, and ten times that on the starter model.",
        low=0.0,
        high=10.0,
        label="Learning rate",
        basic=True,
        unset="the usual value",
        when="Lower it if the loss jumps; raise it if it hardly falls.",
    )
    batch_size: int = option(
        4,
        "Rows in each batch: an optimizer step averages the gradients of batch size × gradient accumulation rows. A "
        "batch goes through the model in micro-batches where that saves memory or time.",
        low=1,
        high=4096,
        label="Batch size",
        basic=True,
        when="Lower it if memory runs out, and raise gradient accumulation instead.",
    )
    gradient_accumulation_steps: int = option(
        1,
        "Batches whose gradients are accumulated before each optimizer step: as a larger batch, without its memory.",
        low=1,
        high=4096,
        label="Gradient accumulation",
    )
    gradient_checkpointing: str = option(
        "auto",
        "Recompute the activations of each block in the backward pass instead of keeping them: less memory, about a "
        "third more time, the same numbers. 'auto': where a step would not fit into memory otherwise.",
        choices=("auto", "off", "on"),
        labels=SWITCH,
        label="Gradient checkpointing",
        when="Switch it on if memory runs out.",
    )
    lr_schedule: str = option(
        "cosine",
        "How the learning rate changes over the run, after the warm-up.",
        choices=("constant", "linear", "cosine"),
        labels={"constant": "Constant", "linear": "Linear", "cosine": "Cosine"},
        label="Learning rate schedule",
    )
    warmup_steps: int | None = option(
        None,
        "Steps over which the learning rate rises from zero. By default at most 100, and none with a constant "
        "schedule.",
        low=0,
        high=1_000_000,
        label="Warm-up steps",
        unset="5% of the steps",
    )
    optimizer: str = option(
        "adamw",
        "The algorithm that updates the weights from their gradients. Betas are 0.9 and 0.999, of Lion 0.9 and 0.99.",
        choices=("adamw", "adam", "lion", "sgd"),
        labels={"adamw": "AdamW", "adam": "Adam", "lion": "Lion", "sgd": "SGD"},
        label="Optimizer",
    )
    weight_decay: float = option(
        0.0,
        "Decoupled weight decay: pulls trained weights towards zero at each step. Needs adamw or lion.",
        low=0.0,
        high=1.0,
        label="Weight decay",
    )
    max_grad_norm: float = option(
        1.0,
        "Gradients with a larger norm are scaled down to it. 0: no clipping.",
        low=0.0,
        high=1e6,
        label="Max gradient norm",
    )
    eval_every: int | None = option(
        None,
        "Steps between two validations. By default validation never takes longer than training.",
        low=1,
        high=1_000_000,
        label="Validate every",
        unset="ten times a run",
    )
    early_stop: int = option(
        0,
        "Stop after this many validations in a row without a new best loss. 0: never stop early.",
        low=0,
        high=1000,
        label="Early stop after",
    )
    keep_best: bool = option(
        True, "Keep the weights with the best validation loss instead of those of the last step.", label="Keep the best"
    )
    save_every: int | None = option(
        None,
        "Steps between two checkpoints.",
        low=1,
        high=1_000_000,
        label="Checkpoint every",
        unset="as often as it validates",
    )
    keep_checkpoints: int = option(
        2, "Checkpoints that are kept on disk; older ones are removed.", low=1, high=1000, label="Checkpoints kept"
    )
    samples: int = option(
        3,
        "Held-out prompts that are answered before and after training, to compare; prompts of the training data where "
        "nothing is held out.",
        low=0,
        high=50,
        label="Sample prompts",
    )
    sample_every: int = option(
        0,
        "Steps between two rounds of sample answers. 0: only before and after training.",
        low=0,
        high=1_000_000,
        label="Sample every",
    )
    sample_tokens: int = option(
        128, "Maximum length of a sample answer, in tokens.", low=1, high=8192, label="Sample length"
    )
    forgetting: str = option(
        "auto",
        "Measure before and after training what the model makes of general text, and say what it forgot: the loss on "
        "neutral texts in many languages, and the answers to a dozen questions. 'auto': where that is less than a "
        "tenth of the run's work, counted in tokens.",
        choices=("auto", "off", "on"),
        labels=SWITCH,
        label="Measure forgetting",
        when="Switch it off to save its time; what is learned stays the same, number by number.",
    )
    seed: int = option(
        42, "Seed of every random choice; the same seed gives the same run.", low=0, high=2**32 - 1, label="Seed"
    )
