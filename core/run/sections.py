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
        "Precision the model computes in. 'auto': the model's own on a GPU; on a CPU float32, the fastest there.",
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
        "Store the model's weights in fewer bits while training: saves most of its memory. The add-on stays exact.",
        choices=(UNPACKED, *MODES),
        labels={UNPACKED: "Full precision", **{mode.name: mode.title for mode in MODES.values()}},
        label="Base precision",
        basic=True,
        when="Choose nf4 if the model does not fit in memory (QLoRA), int8 to lose less.",
    )
    double_quantization: bool = option(
        False,
        "Pack the scales of nf4 and fp4 as well, which saves another 0.4 bits a weight.",
        label="Pack the scales too",
        when="Switch it on for the last few per cent of memory; off, as in bitsandbytes, is a little quicker.",
    )
    allow_code: bool = option(
        False,
        "Let the model folder run its own Python code while loading. Only for a model you trust.",
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
        "Share of the rows held out for validation when no second file is given. 0 trains on everything.",
        low=0.0,
        high=0.5,
        label="Held-out share",
    )
    max_seq_len: int = option(
        2048,
        "Longest row in tokens; what is longer is cut at the end, counted and shown.",
        low=8,
        high=1_048_576,
        label="Maximum length",
        basic=True,
        when="Lower it to save memory; raise it if the preview shows that answers are cut.",
    )
    train_on: str = option(
        "answers",
        "Which part is learned: every answer of a conversation, the last one only, or the whole text.",
        choices=("answers", "last", "all"),
        labels={"answers": "Every answer", "last": "The last answer", "all": "The whole text"},
        label="Learn from",
        when="Plain text is always learned whole.",
    )
    columns: tuple[str, ...] = option(
        (),
        "Which columns to read, where the names are not understood: entries such as 'question=frage'.",
        label="Column mapping",
        when="Map the columns if the format is not recognised or not meant so.",
    )
    exclude: tuple[str, ...] = option(
        (),
        "Rows to leave out: by the kind of problem found (duplicate, overlap with the validation data, "
        "same-as-question, ends-with-user, placeholder), or one by one, as in row:17, counted from 1 over all files.",
        label="Leave out rows",
    )
    fill_in: tuple[str, ...] = option(
        (),
        "What to put in the place of {{name}}-like placeholders: entries such as 'name=Hone'.",
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
        "Lay short rows end to end where that saves padding. No row sees another, and the numbers stay the same.",
        label="Pack rows",
        when="Switch it off to rule it out when comparing runs.",
    )
    shuffle: bool = option(True, "Mix the rows, in an order that follows from the seed.", label="Shuffle rows")


@dataclass(frozen=True)
class Adapter:
    """What is trained."""

    type: str = option(
        "lora",
        "LoRA trains a small add-on and leaves the model untouched, DoRA learns the size of each output apart from "
        "its direction; full changes every weight.",
        choices=("lora", "dora", "full"),
        labels={"lora": "LoRA", "dora": "DoRA", "full": "All weights"},
        flag="adapter",
        label="What is trained",
        basic=True,
    )
    rank: int = option(
        16,
        "How much room the add-on has.",
        low=1,
        high=1024,
        flag="lora-r",
        label="Rank",
        basic=True,
        when="Raise it for harder tasks with much data; 8 to 32 suits most.",
    )
    alpha: float | None = option(
        None,
        "Strength of the add-on; the update is scaled by alpha / rank.",
        low=0.0001,
        high=4096,
        flag="lora-alpha",
        label="Alpha",
        unset="2 × rank",
    )
    rslora: bool = option(
        False,
        "Scale by alpha / √rank instead of alpha / rank (rsLoRA).",
        label="Rank-stabilized scale",
        when="Switch it on for high ranks, 64 and more, which plain LoRA holds back.",
    )
    plus: float | None = option(
        None,
        "How many times larger the steps of the add-on's second matrix are (LoRA+).",
        low=1.0,
        high=1024.0,
        flag="loraplus-lr-ratio",
        label="LoRA+ ratio",
        unset="1, plain LoRA",
        when="Try 16 if training is slow to take hold.",
    )
    dropout: float = option(
        0.0,
        "Share of the add-on's inputs left out at random in each step, against memorising.",
        low=0.0,
        high=0.9,
        flag="lora-dropout",
        label="Dropout",
    )
    targets: str = option(
        "all",
        "Which layers get an add-on: all, attention, embeddings, head, names or patterns (*.mlp.*), divided by commas.",
        flag="lora-targets",
        label="Target layers",
    )
    layers: int | None = option(
        None,
        "Only the last N blocks get an add-on.",
        low=1,
        high=10_000,
        flag="lora-layers",
        label="Blocks",
        unset="all",
    )
    init: str | None = option(
        None,
        "Folder of an adapter to go on from, as Hone, mlx-lm or PEFT saved it; its rank, alpha and layers are kept.",
        flag="init-adapter",
        label="Start from adapter",
        unset="a fresh one",
    )


@dataclass(frozen=True)
class Train:
    """How it is trained."""

    epochs: float | None = option(
        None,
        "How often to go through the data, unless steps are given; 3 times for most methods.",
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
        "How big each correction is. Usual: the method's value, and ten times that on the starter model.",
        low=0.0,
        high=10.0,
        label="Learning rate",
        basic=True,
        unset="the usual value",
        when="Lower it if the loss jumps; raise it if nothing changes.",
    )
    batch_size: int = option(
        4,
        "Rows looked at together.",
        low=1,
        high=4096,
        label="Batch size",
        basic=True,
        when="Lower it if memory runs out, and raise the accumulation instead.",
    )
    gradient_accumulation_steps: int = option(
        1,
        "Batches gathered before each correction; acts like a larger batch without its memory.",
        low=1,
        high=4096,
        label="Accumulate",
    )
    gradient_checkpointing: str = option(
        "auto",
        "Keep less of each step in memory and compute it again: about a third more time, the same numbers. 'auto': "
        "where the step would not fit into the memory otherwise.",
        choices=("auto", "off", "on"),
        label="Gradient checkpointing",
        when="Switch it on if memory runs out.",
    )
    lr_schedule: str = option(
        "cosine",
        "How the learning rate falls over the run.",
        choices=("constant", "linear", "cosine"),
        labels={"constant": "Constant", "linear": "Straight down", "cosine": "Cosine"},
        label="Schedule",
    )
    warmup_steps: int | None = option(
        None,
        "Steps over which the learning rate rises from zero; at most 100 by itself, none when it is constant.",
        low=0,
        high=1_000_000,
        label="Warm-up steps",
        unset="5 % of the steps",
    )
    optimizer: str = option(
        "adamw",
        "The rule that turns gradients into corrections.",
        choices=("adamw", "adam", "lion", "sgd"),
        labels={"adamw": "AdamW", "adam": "Adam", "lion": "Lion", "sgd": "SGD"},
        label="Optimizer",
    )
    weight_decay: float = option(
        0.0,
        "Pulls the trained weights towards zero at each step. Needs adamw or lion.",
        low=0.0,
        high=1.0,
        label="Weight decay",
    )
    max_grad_norm: float = option(
        1.0,
        "Longest allowed gradient; longer ones are shortened. 0 switches this off.",
        low=0.0,
        high=1e6,
        label="Clip gradients at",
    )
    eval_every: int | None = option(
        None,
        "Measure the held-out loss every so many steps. By itself, it never takes longer than the training.",
        low=1,
        high=1_000_000,
        label="Validate every",
        unset="ten times a run",
    )
    early_stop: int = option(
        0,
        "Stop when this many validations in a row brought no new best. 0 never stops early.",
        low=0,
        high=1000,
        label="Early stop after",
    )
    keep_best: bool = option(
        True, "Keep the adapter of the best validation, not of the last step.", label="Keep the best"
    )
    save_every: int | None = option(
        None,
        "Write a checkpoint every so many steps.",
        low=1,
        high=1_000_000,
        label="Checkpoint every",
        unset="as often as it validates",
    )
    keep_checkpoints: int = option(
        2, "How many checkpoints stay on disk; older ones are removed.", low=1, high=1000, label="Checkpoints kept"
    )
    samples: int = option(
        3, "Held-out prompts answered before and after training, to compare.", low=0, high=50, label="Sample prompts"
    )
    sample_every: int = option(
        0,
        "Answer the sample prompts every so many steps as well. 0: only before and after.",
        low=0,
        high=1_000_000,
        label="Sample every",
    )
    sample_tokens: int = option(128, "Longest sample answer, in tokens.", low=1, high=8192, label="Sample length")
    seed: int = option(
        42, "Where all randomness starts; the same seed gives the same run.", low=0, high=2**32 - 1, label="Seed"
    )
