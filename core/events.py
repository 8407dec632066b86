"""Events: what a run reports, as plain values, one line of JSON each.

The window, the command line and events.jsonl read the same events; an old run is drawn from its file through the same
code. The names of the classes and of their fields are a public contract.
"""

import dataclasses
import json
import math
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """Base of all events. `time` is seconds since the epoch."""

    time: float = field(default_factory=time.time, kw_only=True)


@dataclass(frozen=True)
class Phase(Event):
    """What the run is busy with. `fraction` (0 to 1) is known for downloads and other countable work."""

    name: str  # "Preparing data", "Downloading model", "Loading model", "Training", "Validating", "Saving", ...
    detail: str = ""
    fraction: float | None = None


@dataclass(frozen=True)
class Started(Event):
    """Everything is loaded and the first step is next. Counts of rows are after dropping unusable ones."""

    name: str
    folder: str
    method: str
    model: str
    total_steps: int
    first_step: int  # 1, or where a resumed run goes on
    epochs: float
    rows: int
    eval_rows: int
    tokens: int  # in the whole training set
    trainable_parameters: int
    total_parameters: int
    backend: dict[str, Any]  # {requested, used, device, reason}
    precision: dict[str, Any]  # {requested, used, detail, reason}
    memory: dict[str, Any] = field(default_factory=dict)  # bytes: {estimate: {low, high, …}, measured, rows, tokens}


@dataclass(frozen=True)
class Step(Event):
    """One optimizer step. `loss` is the value before this step's update, `grad_norm` before clipping."""

    step: int
    loss: float
    learning_rate: float
    grad_norm: float
    tokens: int  # seen so far, padding left out
    trained_tokens: int  # targets so far
    tokens_per_second: float
    peak_memory_bytes: int
    epoch: float
    seconds: float  # training time so far, over all sittings
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluated(Event):
    """Loss on the held-out rows; `step` 0 is the model before training."""

    step: int
    loss: float
    best: bool
    tokens: int
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample(Event):
    """An answer the model wrote to a fixed prompt. `stage` is "before", "during" or "after"."""

    step: int
    stage: str
    index: int  # which of the fixed prompts
    prompt: str
    answer: str
    expected: str = ""


@dataclass(frozen=True)
class Saved(Event):
    """Something complete lies on disk. `what` is "checkpoint", "best" or "adapter"."""

    step: int
    path: str
    what: str


@dataclass(frozen=True)
class Warned(Event):
    """Something a person should know. `code` is stable, `message` one sentence."""

    code: str
    message: str


@dataclass(frozen=True)
class Finished(Event):
    """The end. `reason` is "done", "stopped", "early_stop" or "failed" (then `message` says why)."""

    reason: str
    step: int
    message: str  # the verdict in one sentence
    seconds: float
    loss_before: float | None = None  # on held-out rows
    loss_after: float | None = None
    best_step: int | None = None
    metrics_before: dict[str, float] = field(default_factory=dict)
    metrics_after: dict[str, float] = field(default_factory=dict)
    eval_rows: int = 0  # how many held-out rows the figures were measured on


KINDS: dict[str, type[Event]] = {
    c.__name__: c for c in (Phase, Started, Step, Evaluated, Sample, Saved, Warned, Finished)
}


def to_json(event: Event) -> str:
    """One line of JSON, without the line break. Numbers that JSON cannot hold (NaN, infinity) become null."""
    values = {f.name: _plain(getattr(event, f.name)) for f in dataclasses.fields(event)}
    return json.dumps({"event": type(event).__name__, **values}, ensure_ascii=False, allow_nan=False)


def from_json(line: str) -> Event:
    """The event that to_json() wrote. null in the place of a number reads as NaN. Raises ValueError if it is none."""
    values = json.loads(line)
    if not isinstance(values, dict) or values.get("event") not in KINDS:
        raise ValueError(f"not an event: {line[:80]}")
    cls = KINDS[values.pop("event")]
    fields = {f.name: f for f in dataclasses.fields(cls)}
    for name, value in values.items():
        if value is None and name in fields and fields[name].type in (float, "float"):
            values[name] = math.nan
    return cls(**{name: value for name, value in values.items() if name in fields})


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
