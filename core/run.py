"""A run: everything that is asked for, as one frozen tree of options; read from and written to run.toml.

Three independent choices make a run: the method (how it learns), the adapter (what is trained) and the
base's precision. Whoever drives the library (window, command line, Python) builds one of these.
"""

import dataclasses
import datetime
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from core import methods
from core.errors import BadOption
from core.options import Option, build, check, describe, groups, option
from core.quant.modes import MODES, UNPACKED, find

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


@dataclass(frozen=True)
class Run:
    """What is asked. `options` are the method's own; `output` is the run's folder."""

    method: str = option("sft", "How it learns.", label="Method")
    output: str | None = option(
        None, "Folder of the run; a new one lies among Hone's runs.", label="Run folder", unset="a new one"
    )
    backend: str = option(
        "auto",
        "Which device computes.",
        choices=("auto", "gpu", "cpu"),
        labels={"auto": "Automatic", "gpu": "GPU", "cpu": "CPU"},
        label="Backend",
        when="Choose cpu to keep the GPU free.",
    )
    model: Model = field(default_factory=Model)
    data: Data = field(default_factory=Data)
    adapter: Adapter = field(default_factory=Adapter)
    train: Train = field(default_factory=Train)
    options: Any = None  # an instance of the method's options dataclass; its defaults when None

    def __post_init__(self) -> None:
        if self.method not in methods.load():
            raise BadOption(f"There is no method {self.method!r}; there are {', '.join(methods.load())}.")
        if self.options is None:
            object.__setattr__(self, "options", self.spec.options())

    @property
    def spec(self) -> methods.Method:
        return methods.load()[self.method]

    @property
    def texts(self) -> int:
        """Texts that are learned from in a row: two of a pair."""
        return 2 if self.spec.data == methods.PAIRS else 1

    @property
    def own_share(self) -> float:
        """The share of the steps whose answers the model writes itself, for a teacher to judge."""
        return self.spec.own_share(self.options) if self.spec.own_share else 0.0

    @property
    def usual_learning_rate(self) -> float:
        """The learning rate where none is given: the method's, for what is trained.

        The starter model is hundreds of times smaller than the models these values suit, and small models
        take, and need, larger steps: ten times is what was measured to work on it.
        """
        usual = self.spec.learning_rate_full if self.adapter.type == "full" else self.spec.learning_rate
        return usual * 10 if self.model.path == STARTER else usual

    @property
    def name(self) -> str:
        return Path(self.output).name if self.output else ""

    def check(self) -> "Run":
        """Itself, or BadOption when two options contradict each other."""
        if self.spec.check is not None:
            self.spec.check(self.options)
        t = self.train
        if t.steps is not None and t.epochs is not None:
            raise BadOption("Give either steps or epochs, not both.")
        if t.weight_decay and t.optimizer not in ("adamw", "lion"):
            raise BadOption(f"weight_decay does nothing with {t.optimizer}; use adamw or lion, or set it to 0.")
        if self.adapter.type == "full" and self.adapter.init:
            raise BadOption("init_adapter goes with LoRA; full fine-tuning starts from the model itself.")
        if self.adapter.type == "full" and self.adapter.plus is not None:
            raise BadOption("loraplus_lr_ratio goes with LoRA and DoRA; full fine-tuning has no second matrix.")
        m = self.model
        if m.quantization == UNPACKED and m.double_quantization:
            raise BadOption("double_quantization packs the scales of a quantized model: give quantization nf4 or fp4.")
        if m.quantization != UNPACKED:
            find(m.quantization, m.double_quantization)
            if self.adapter.type == "full":
                raise BadOption(
                    f"Full fine-tuning cannot train weights packed as {m.quantization}; use lora, or quantization none."
                )
        return self

    def with_output(self) -> "Run":
        """Itself with a run folder: the one asked for, or a new one named after date, method and data."""
        if self.output:
            return self
        stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", Path(self.data.path).stem) or "data"
        base = f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}-{self.method}-{stem}"
        folder, n = runs_folder() / base, 1
        while folder.exists():
            n += 1
            folder = runs_folder() / f"{base}-{n}"
        return dataclasses.replace(self, output=str(folder))

    def replace(self, key: str, value: Any) -> "Run":
        """A copy with one option changed, named as in run.toml: "train.learning_rate", "method", "options.beta"."""
        head, _, rest = key.partition(".")
        if not rest:
            found = {o.name: o for o in describe(Run)}
            if head not in found:
                raise BadOption(f"There is no option {key!r}.")
            if head == "method" and value != self.method:
                return dataclasses.replace(self, method=value, options=None)
            return dataclasses.replace(self, **{head: check(found[head], value)})
        if head not in sections(self.method):
            raise BadOption(f"There is no option {key!r}.")
        group = getattr(self, head)
        changed = build(type(group), {**plain(group), rest: value}, head)
        return dataclasses.replace(self, **{head: changed})

    def to_dict(self) -> dict[str, Any]:
        """Plain nested values, None left out: what run.toml holds."""
        top = {o.name: getattr(self, o.name) for o in describe(Run) if getattr(self, o.name) is not None}
        return top | {name: plain(getattr(self, name)) for name in sections(self.method)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "") -> "Run":
        """A checked run from plain nested values. Raises BadOption with one sentence, opened by `where`."""
        values = dict(values)
        own = values.pop("options", {})
        try:
            run: Run = build(cls, values, where)
            at = f"{where}: [options]" if where else "[options]"
            return dataclasses.replace(run, options=build(run.spec.options, own, at)).check()
        except BadOption as error:
            raise BadOption(str(error) if str(error).startswith(where) else f"{where}: {error}") from None

    def to_toml(self) -> str:
        """The text of run.toml."""
        return tomli_w.dumps(self.to_dict())

    def write(self, path: Path) -> None:
        path.write_text(self.to_toml(), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Run":
        """The run in a run.toml. Raises BadOption when the file is missing, is no TOML, or holds a bad option."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadOption(f"{path} cannot be read: {error.strerror}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadOption(f"{path} is not valid TOML: {error}.") from None
        return cls.from_dict(values, str(path))


def sections(method: str) -> dict[str, type]:
    """The groups of options of a run, by their name in run.toml; "options" are the method's own."""
    return {**dict(groups(Run)), "options": methods.load()[method].options}


def every_option(method: str) -> list[tuple[str, Option]]:
    """(key as in run.toml, option) of all there is to set for a method."""
    top = [(o.name, o) for o in describe(Run)]
    return top + [(f"{name}.{o.name}", o) for name, cls in sections(method).items() for o in describe(cls)]


def plain(group: Any) -> dict[str, Any]:
    """A group of options as plain values, None left out."""
    values = {o.name: getattr(group, o.name) for o in describe(type(group))}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if v is not None}


def runs_folder() -> Path:
    """Where runs live unless a folder is given."""
    return Path(platformdirs.user_data_dir("Hone", appauthor=False)) / "runs"
