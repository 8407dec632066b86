"""The parts of resolved.json: what was asked for, what is used, and why. Plain frozen values, without MLX.

resolved.json is a public contract: keys are added and never renamed. `to_json` turns a part into the dict that is
written; it is `dataclasses.asdict`, except that an optional key is absent where its value is None.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

OPTIONAL = {"optional": True}  # metadata of a field that resolved.json has only where the value is not None


def to_json(part: Any) -> dict[str, Any]:
    """A dataclass of this module, or an Estimate or a group of options inside it, as plain values in field order."""
    values = {}
    for f in dataclasses.fields(part):
        value = getattr(part, f.name)
        if value is not None or not f.metadata.get("optional"):
            values[f.name] = _plain(value)
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return to_json(value) if dataclasses.is_dataclass(value) else value


@dataclass(frozen=True)
class EnginePart:
    """What computes a part of a run: forward pass, gradients, head and loss, reference, validation."""

    part: str
    asked: str
    used: str  # "Neural Engine", "GPU" or "CPU"
    reason: str  # a sentence


@dataclass(frozen=True)
class NeuralEngineFacts:
    """Whether a Mac's Neural Engine computes the forward pass, and why (not)."""

    used: bool
    code: str  # of the reason; "" where it is used
    stage: str  # that decided: host, model, job, probe, worth, or run where it failed on the way; "" where it is used
    line: str  # what is used for which part, or the reason, as people read it
    facts: dict[str, Any]  # of the probe: planned_share, error, seconds; of the run: calls, fallbacks, milliseconds
    parts: list[EnginePart] = field(default_factory=list)


@dataclass(frozen=True)
class Backend:
    """Which device computes."""

    requested: str  # "auto", "gpu", "cpu" or "ane"
    used: str  # "gpu" or "cpu"
    device: str  # as its maker calls it
    reason: str
    neural_engine: NeuralEngineFacts | None = field(default=None, metadata=OPTIONAL)  # where it was thought of


@dataclass(frozen=True)
class Precision:
    """How the base model's weights are held, and what it computes in."""

    requested: str
    used: str
    detail: str
    reason: str
    compute: str  # "float32", "bfloat16" or "float16"
    bits: float | None  # a weight's, its share of the scales left out; None where the model does not say
    block: int | None  # weights that share a scale
    double: bool  # whether the scales are packed too
    layers: int | None = field(default=None, metadata=OPTIONAL)  # that were packed while loading


@dataclass(frozen=True)
class Decision:
    """Something that was decided while setting up: what is used, and why."""

    used: bool | str
    reason: str


@dataclass(frozen=True)
class Packing:
    """Whether short rows lie end to end."""

    requested: bool
    used: bool
    reason: str


@dataclass(frozen=True)
class MicroBatches:
    """How a batch goes through the model."""

    rows: int
    tokens: int | None  # limit of a micro-batch with more, shorter rows; None: `rows` alone
    at_once: int  # micro-batches computed side by side
    reason: str


@dataclass(frozen=True)
class AnswersAtOnce:
    """How many sampled answers are written together."""

    requested: int
    used: int
    bytes_each: int
    reason: str


@dataclass(frozen=True)
class RolloutFacts:
    """How the answers of a method with rewards are made."""

    answers_at_once: AnswersAtOnce
    rewards: dict[str, float]  # weight of each reward, by name
    replayed: int  # recorded sets of answers that are learned from instead of new ones


@dataclass(frozen=True)
class OnPolicyFacts:
    """How the student's own answers are made in a distillation."""

    answers_at_once: AnswersAtOnce
    share: float  # of the steps, 0 to 1


@dataclass(frozen=True)
class DatasetFacts:
    """What was read from the data files. Counts are after dropping unusable rows."""

    path: str
    eval_path: str | None
    format: str  # a sentence
    sha256: str
    rows: int
    eval_rows: int
    tokens: int  # of all training rows
    trained_tokens: int  # those that are targets; 0 where the answers are not written yet
    cut: int  # rows cut at the maximum length
    dropped: int  # rows without anything to learn
    findings: int  # of the checks of the data


@dataclass(frozen=True, kw_only=True)
class DataFacts(DatasetFacts):
    """The section "data": what was read, and how its batches go through the model."""

    logits: Decision  # made "at the targets" or "everywhere"
    packing: Packing
    shared_prompts: Decision | None = field(default=None, metadata=OPTIONAL)  # for rows with several texts
    micro_batches: MicroBatches
    rollouts: RolloutFacts | None = field(default=None, metadata=OPTIONAL)
    own_answers: OnPolicyFacts | None = field(default=None, metadata=OPTIONAL)
    max_seq_len: int
    train_on: str
    shuffle: bool
    eval_split: float  # as asked for; it counts where no validation data is given
    columns: tuple[str, ...]
    exclude: tuple[str, ...]
    fill_in: tuple[str, ...]
    chat_template: str | None  # None: the model's own


@dataclass(frozen=True)
class InputFacts:
    """The section "inputs": SHA-256 of what the run learns from, which a run that goes on compares.

    Of weights over 64 MB, of pieces spread over the file.
    """

    dataset: str  # its files
    held_out: str  # the tokens of the rows that are measured on
    chat_template: str
    model: str  # settings, tokenizer and weights
    adapter: str | None  # that is started from
    reward_file: str | None
    replay: str | None
    teacher: str | None = None  # of a distillation: as `model`, with the adapter on it
    reference: str | None = None  # of preferences, where it is another model than the one in training


@dataclass(frozen=True)
class ModelFacts:
    """The section "model"."""

    parameters: int
    trainable_parameters: int
    path: str  # as asked for
    folder: str
    revision: str | None  # as asked for
    allow_code: bool


@dataclass(frozen=True)
class MemoryFacts:
    """The section "memory": the estimate, and what one real step on the longest batch took."""

    gradient_checkpointing: bool
    estimate: dict[str, int] | None = field(
        default=None, metadata=OPTIONAL
    )  # bytes by what takes them, with "low" and "high"
    measured: int | None = field(default=None, metadata=OPTIONAL)  # peak bytes of the dry run
    rows: int | None = field(default=None, metadata=OPTIONAL)  # texts in the dry run
    tokens: int | None = field(default=None, metadata=OPTIONAL)  # of the longest text in it
    wired: int | None = field(default=None, metadata=OPTIONAL)  # bytes that the system may not swap out, on a Mac
    limit: int | None = field(default=None, metadata=OPTIONAL)  # bytes to stay below


@dataclass(frozen=True)
class Choice:
    """What was asked for, what is used, and why."""

    requested: str
    used: str
    reason: str


@dataclass(frozen=True)
class RankFacts:
    """One of several ranks; what it did is known once the run is over."""

    host: str  # its machine, as people call it
    share: float | None = field(default=None, metadata=OPTIONAL)  # of the tokens that it computed, 0 to 1
    tokens_per_second: float | None = field(default=None, metadata=OPTIONAL)
    waiting: float | None = field(default=None, metadata=OPTIONAL)  # share of the time, for others and the network


@dataclass(frozen=True)
class RanksFacts:
    """The section "ranks", where several machines or GPUs share the run."""

    count: int
    backend: str  # what moves the numbers: "ring", "jaccl", "nccl" or "mpi"
    rows: int  # of an optimizer step, over all ranks
    ranks: list[RankFacts]
    parted: bool = False  # whether each has a part of the model, and all of the rows
    differs: str | None = field(default=None, metadata=OPTIONAL)  # from a run on one rank, a sentence
    link: Choice | None = field(default=None, metadata=OPTIONAL)  # of core.distributed.machines.BACKENDS
    sharding: Choice | None = field(default=None, metadata=OPTIONAL)  # of core.distributed.machines.SHARDINGS


@dataclass(frozen=True)
class ReferenceFacts:
    """The section "reference": whose log-probabilities a preference is compared with."""

    requested: str | None
    used: str  # "base", "initial", or another model
    file: str
    tokens: int


@dataclass(frozen=True)
class TeacherFacts:
    """The section "teacher" of a distillation."""

    path: str
    used: str  # "live", or "kept": asked once, and let go of
    top_k: int | None
    file: str | None = field(default=None, metadata=OPTIONAL)
    tokens: int | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class Resolved:
    """resolved.json as a whole: every value as used."""

    method: str
    options: Any  # the method's own options
    model: ModelFacts
    adapter: dict[str, Any]  # core.adapters.resolved_options
    precision: Precision
    backend: Backend
    data: DataFacts
    train: dict[str, Any]  # core.run.Train with the values that follow from the data
    steps_per_epoch: int
    versions: dict[str, str]
    memory: MemoryFacts
    compiled: Decision
    inputs: InputFacts
    fused: Decision | None = field(default=None, metadata=OPTIONAL)  # whether blocks are computed in few large pieces
    numpy: Decision | None = field(default=None, metadata=OPTIONAL)  # whether NumPy computes the steps' gradients
    teacher: TeacherFacts | None = field(default=None, metadata=OPTIONAL)
    reference: ReferenceFacts | None = field(default=None, metadata=OPTIONAL)
    ranks: RanksFacts | None = field(default=None, metadata=OPTIONAL)
