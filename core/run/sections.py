"""The sections of a run: which model, what it learns from, what is trained, and how."""

from dataclasses import dataclass

from core.options import option
from core.quant.modes import MODES, UNPACKED

STARTER = "starter"  # the small model that ships inside
DEMO = "demo"  # the sample dataset that ships inside, for each method's shape of data


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
        "Precision of activations and matrix products. 'auto': the model's own on a GPU; float32 on a CPU, the "
        "fastest there.",
        choices=("auto", "float32", "bfloat16", "float16"),
        labels={
            "auto": "Automatic",
            "float32": "32 bit",
            "bfloat16": "16 bit (bfloat16)",
            "float16": "16 bit (float16)",
        },
        label="Compute precision",
        when="Choose float32 to compare runs exactly.",
    )
    quantization: str = option(
        UNPACKED,
        "Quantize the base model's weights while training, which saves most of its memory. The adapter stays "
        "in full precision.",
        choices=(UNPACKED, *MODES),
        labels={UNPACKED: "Full precision", **{mode.name: mode.title for mode in MODES.values()}},
        label="Base precision",
        basic=True,
        when="Choose nf4 if the model does not fit into memory (QLoRA), int8 to lose less accuracy.",
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


@dataclass(frozen=True)
class Data:
    """What it learns from."""

    path: str = option(
        DEMO,
        "A file (JSON, JSONL, CSV, TSV, Parquet, text), several, one a line, a folder, a Hugging Face id, or 'demo', "
        "the sample inside.",
        flag="dataset",
        label="Dataset",
        basic=True,
    )
    eval_path: str | None = option(
        None,
        "A second file of held-out rows, never trained on.",
        flag="eval-dataset",
        label="Validation data",
        unset="split off from the dataset",
    )
    eval_split: float = option(
        0.1,
        "Share of the rows held out for validation where no validation data is given. 0: train on every row.",
        low=0.0,
        high=0.5,
        label="Held-out share",
    )
    max_seq_len: int = option(
        2048,
        "Maximum sequence length in tokens. Longer rows are truncated at the end, counted and shown.",
        low=8,
        high=1_048_576,
        label="Maximum length",
        basic=True,
        when="Lower it to save memory; raise it if the preview shows that answers are truncated.",
    )
    train_on: str = option(
        "answers",
        "Which tokens the loss is computed on: every answer of a conversation, the last one only, or the whole text.",
        choices=("answers", "last", "all"),
        labels={"answers": "Every answer", "last": "The last answer", "all": "The whole text"},
        label="Learn from",
        when="Plain text is always trained on whole.",
    )
    columns: tuple[str, ...] = option(
        (),
        "Which column is what, where the names are not recognised: entries such as 'question=frage', or "
        "'question=translation.en' for what lies inside a column, or 'label=stars>=4' for thumbs of numbers; one "
        "with a comma stands in quotes, as in 'question=\"Name, full\"'.",
        label="Column mapping",
        when="Map the columns if the format is not recognised, or recognised wrongly.",
    )
    exclude: tuple[str, ...] = option(
        (),
        "Rows to leave out: by the kind of problem found (duplicate, overlap with the validation data, "
        "same-as-question, ends-with-user, worse-chosen, placeholder), or one by one, as in row:17, counted from 1 "
        "over all files. not-text leaves pictures and the like out of rows that hold text too.",
        label="Leave out rows",
    )
    fill_in: tuple[str, ...] = option(
        (),
        "Text that replaces placeholders such as {{name}}: entries such as 'name=Hone'.",
        label="Fill in",
    )
    chat_template: str | None = option(
        None,
        "The chat template of a base model that has none: 'chatml', 'llama3', 'gemma', 'plain' or a .jinja file.",
        label="Chat template",
        unset="the model's own",
    )
    packing: bool = option(
        True,
        "Pack short rows end to end where that saves padding. No row attends to another, and the numbers stay "
        "the same.",
        label="Pack rows",
        when="Switch it off to rule it out when comparing runs.",
    )
    shuffle: bool = option(True, "Shuffle the rows, in an order that follows from the seed.", label="Shuffle rows")


@dataclass(frozen=True)
class Adapter:
    """What is trained."""

    type: str = option(
        "lora",
        "LoRA trains low-rank matrices beside frozen weights; DoRA trains a magnitude for each output as well; full "
        "trains every weight.",
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
        "The algorithm that updates the weights from their gradients.",
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
        label="Measure forgetting",
        when="Switch it off to save its time; what is learned stays the same, number by number.",
    )
    seed: int = option(
        42, "Seed of every random choice; the same seed gives the same run.", low=0, high=2**32 - 1, label="Seed"
    )
