"""Events: what a run reports, as plain values, one line of JSON each.

The window, the command line and events.jsonl read the same events; an old run is drawn from its file through the same
code. The names of the classes and of their fields are a public contract.
"""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, Generic, TypeVar

from core.text.sentence import Sentence, from_plain, shorten, to_plain


@dataclass(frozen=True)
class Event:
    """Base of all events. `time` is in seconds since 1970 (UTC)."""

    time: float = field(default_factory=time.time, kw_only=True)


@dataclass(frozen=True)
class Phase(Event):
    """What the run is doing. `fraction`, 0 to 1, is how much of it is done; None where that cannot be counted."""

    name: (
        str  # "Preparing data", "Loading model", "Training", "Validating before training", "Validating", "Saving", ...
    )
    detail: str = ""  # "37 of 98 rows"
    fraction: float | None = None


@dataclass(frozen=True)
class Started(Event):
    """Everything is loaded, and the first optimizer step is next. Rows that cannot be used are not counted."""

    name: str  # of the run's folder
    folder: str  # its path
    method: str
    model: str  # as asked for: a path, a Hugging Face id or "starter"
    total_steps: int  # optimizer steps
    first_step: int  # 1, or where a resumed run goes on
    epochs: float  # passes over the training set in `total_steps`
    rows: int  # in the training set
    eval_rows: int  # held out
    tokens: int  # in the whole training set
    trainable_parameters: int
    total_parameters: int
    backend: dict[str, Any]  # as in resolved.json: {requested, used, device, reason}
    precision: dict[str, Any]  # as in resolved.json: {requested, used, detail, reason, …}
    memory: dict[str, Any] = field(default_factory=dict)  # bytes: {estimate: {low, high, …}, measured}; rows, tokens
    ranks: dict[str, Any] = field(default_factory=dict)  # as in resolved.json, where several share the run


@dataclass(frozen=True)
class Step(Event):
    """One optimizer step."""

    step: int  # counted from 1
    loss: float  # mean over the step's batches, before this step's update
    learning_rate: float  # of this step
    grad_norm: float  # L2 norm of the whole gradient, before clipping
    tokens: int  # that went through the model so far, without padding
    trained_tokens: int  # that the loss was computed on so far
    tokens_per_second: float  # of this step, without padding
    peak_memory_bytes: int  # the most that MLX has held since the run was started or resumed
    epoch: float  # passes over the training set so far
    seconds: float  # in optimizer steps so far, those before a resume included
    metrics: dict[str, float] = field(default_factory=dict)  # the method's own, as its SPEC names them
    process_memory_bytes: int = 0  # that the whole process holds after this step; 0 in logs of before


@dataclass(frozen=True)
class Evaluated(Event):
    """A measurement on the held-out rows."""

    step: int  # optimizer steps so far; 0 is the model before training
    loss: float  # the method's loss; for a method with rewards, the share of questions that were not solved
    best: bool  # lowest loss so far, that before training counted
    tokens: int  # that the loss was computed on, or that were sampled for a method with rewards
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample(Event):
    """The model's answer to a fixed prompt: a held-out one, or one of the training data where nothing is held out.

    `stage` is "before", "during" or "after" training.
    """

    step: int  # optimizer steps so far
    stage: str
    index: int  # of the prompt, from 0; each is answered in every stage
    prompt: str
    answer: str
    expected: str = ""  # the dataset's answer; "" where there is none
    cut: bool = False  # it was not at its end when it reached the length that was allowed


@dataclass(frozen=True)
class Saved(Event):
    """Something complete lies on disk. `what` is "checkpoint", "adapter" or "model"."""

    step: int  # whose weights these are; 0 for an export
    path: str
    what: str


@dataclass(frozen=True)
class Warned(Event):
    """A person should know this. `code` never changes, so that programs can rely on it; `message` is one sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Paused(Event):
    """The run pauses: a checkpoint of `step` is written, and model, gradients and optimizer are no longer in memory."""

    step: int  # optimizer steps so far
    seconds: float  # in optimizer steps so far


@dataclass(frozen=True)
class Resumed(Event):
    """The run goes on behind `step`, after a pause or after it was stopped or died."""

    step: int  # of the checkpoint that it goes on from; 0 from the start
    changes: dict[str, Any] = field(default_factory=dict)  # {key in run.toml: [value before, value from now on]}


@dataclass(frozen=True)
class Finished(Event):
    """The end of a run. `reason` is "done", "stopped", "early_stop" or "failed"."""

    reason: str
    step: int  # optimizer steps in all
    message: str  # the verdict; for a failed run, why it failed
    seconds: float  # in optimizer steps, those before a resume included
    loss_before: float | None = None  # on the held-out rows, as in Evaluated
    loss_after: float | None = None  # of the weights that are kept
    best_step: int | None = None  # whose weights are kept
    metrics_before: dict[str, float] = field(default_factory=dict)  # on the held-out rows and the sample answers
    metrics_after: dict[str, float] = field(default_factory=dict)
    eval_rows: int = 0  # how many held-out rows loss and metrics were measured on
    caveat: str = ""  # the part of the message that takes away from it: what is wrong with the sample answers
    forgetting: str = ""  # the part of the message that tells how much worse the model became on general text


# Codes of the warnings that tell what the machine did to a run, and what the run did about it.
MACHINE_CODES = frozenset(
    {
        "gpu-step",
        "gpu-answers",
        "gpu-buffers",
        "gpu-retry",
        "remembered-size",
        "memory-pressure",
        "slept",
        "power",
        "heat",
    }
)

KINDS: dict[str, type[Event]] = {
    c.__name__: c for c in (Phase, Started, Step, Evaluated, Sample, Saved, Warned, Paused, Resumed, Finished)
}


Item = TypeVar("Item")
Value = TypeVar("Value")


class Walked(Generic[Item, Value]):
    """The items of a generator, to be walked through once; then `value` is the generator's."""

    value: Value

    def __init__(self, generator: Generator[Item, None, Value]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[Item]:
        self.value = yield from self._generator

    def finish(self) -> Value:
        """Walk through what is left; returns the value."""
        for _ in self:
            pass
        return self.value


def to_json(event: Event) -> str:
    """An event as one line of JSON, without the line break. NaN and infinity, which JSON cannot hold, become null."""
    values = {f.name: _plain(getattr(event, f.name)) for f in dataclasses.fields(event)}
    said = {str(text): _plain(to_plain(text)) for text in _sentences(values)}
    parts = {"said": said} if said else {}
    return json.dumps({"event": type(event).__name__, **values, **parts}, ensure_ascii=False, allow_nan=False)


def from_json(line: str) -> Event:
    """The event that to_json() wrote. null in the place of a number reads as NaN.

    Raises ValueError where it is none: another shape, a field that is missing, or one of another type.
    """
    try:
        values = json.loads(line)
        cls = KINDS[values.pop("event")]
        readers = {f.name: _READERS[f.type] for f in dataclasses.fields(cls)}
        said = values.pop("said", {})
        said = {values[text] if text in readers else text: parts for text, parts in said.items()}  # older: by the field
        read = {name: readers[name](value) for name, value in values.items() if name in readers}
        return cls(**(_say_again(read, said) if said else read))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        raise ValueError(f"not an event: {line[:80]}") from None


def _sentences(value: Any) -> Iterator[Sentence]:
    """The sentences in a value, wherever they lie in its lists and dicts."""
    if isinstance(value, Sentence):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _sentences(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _sentences(inner)


def _say_again(value: Any, said: Mapping[str, Any]) -> Any:
    """The value with its texts as the sentences that they were."""
    if isinstance(value, str):
        return _read_sentence(value, said[value]) if value in said else value
    if isinstance(value, dict):
        return {key: _say_again(inner, said) for key, inner in value.items()}
    return [_say_again(inner, said) for inner in value] if isinstance(value, list) else value


def _read_sentence(text: str, parts: Any) -> str:
    """The sentence that was taken apart, or its plain text where the parts make another one."""
    try:
        sentence = from_plain(parts)
    except (ValueError, LookupError, TypeError, AttributeError):
        return text
    return next((read for read in (sentence, shorten(sentence)) if read == text), text)


def _read(*kinds: type) -> Callable[[Any], Any]:
    """What gives a value back if it is of one of these types, and raises TypeError if it is not."""

    def read(value: Any) -> Any:
        if type(value) not in kinds:  # True is no number here
            raise TypeError(value)
        return value

    return read


def _read_float(value: Any) -> float:
    return math.nan if value is None else float(_read(int, float)(value))


# By the type that a field is declared with.
_READERS: dict[Any, Callable[[Any], Any]] = {
    float: _read_float,
    int: _read(int),
    str: _read(str),
    bool: _read(bool),
    float | None: lambda value: None if value is None else _read_float(value),
    int | None: _read(int, NoneType),
    dict[str, Any]: _read(dict),
    dict[str, float]: lambda value: {name: _read_float(number) for name, number in value.items()},
}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
