"""Events as lines for a person to read in a terminal."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from core.device.neural_engine import describe_parts, describe_use
from core.events import (
    Evaluated,
    Event,
    Finished,
    Paused,
    Phase,
    Resumed,
    Sample,
    Saved,
    Started,
    Step,
    Warned,
    to_json,
)
from core.run.changes import describe_resumed
from core.training.result_metrics import format_metrics

_OF_A_RANK = re.compile(r"rank_(\d+)_(tokens_per_second|waiting)")


def show(events: Iterable[Event], as_json: bool, out: Any) -> int:
    """Print events as they come, as lines for a person or one JSON object each; returns the exit code."""
    for event in events:
        for line in [to_json(event)] if as_json else lines(event):
            out(line, flush=True)
    return 0


@functools.singledispatch
def lines(event: Event) -> Iterator[str]:
    """The lines that tell of an event; none for what needs no line."""
    yield from ()


@lines.register
def _(event: Phase) -> Iterator[str]:
    if event.name != "Training":
        share = "" if event.fraction is None else f" ({event.fraction:.0%})"
        yield f"{event.name}{': ' + event.detail if event.detail else ''}{share}"


@lines.register
def _(event: Started) -> Iterator[str]:
    backend, precision = event.backend, event.precision
    yield f"Run folder: {event.folder}"
    yield f"Backend: {backend['requested']} → {backend['used']} ({backend['device']}): {backend['reason']}"
    if engine := describe_use(backend):
        yield engine
        yield from (f"  {parts}: {words}" for parts, words in describe_parts(backend))
    yield f"Precision: {precision['requested']} → {precision['used']}: {precision['reason']}"
    if event.memory.get("wired"):
        yield f"Wired memory: {event.memory['wired'] / 1e9:.1f} GB, which the system does not swap out"
    if ranks := event.ranks:
        hosts = ", ".join(f"{rank['host']} (rank {n})" for n, rank in enumerate(ranks["ranks"]))
        yield f"Ranks: {ranks['count']}, {ranks['rows']:,} rows a step; {hosts}"
        for title, name in (("Link", "link"), ("Parts of the model", "sharding")):
            if choice := ranks.get(name):
                yield f"{title}: {choice['requested']} → {choice['used']}: {choice['reason']}"
    share = event.trainable_parameters / max(1, event.total_parameters)
    yield f"Training {event.trainable_parameters:,} parameters ({share:.1%} of the model's {event.total_parameters:,})"
    yield f"{event.rows:,} rows, {event.tokens:,} tokens; {event.eval_rows:,} held out; {event.total_steps:,} steps"


@lines.register
def _(event: Step) -> Iterator[str]:
    own = {name: value for name, value in event.metrics.items() if not _OF_A_RANK.fullmatch(name)}
    extra = "".join(f"  {name} {value:.4g}" for name, value in own.items()) + _describe_ranks(event.metrics)
    yield (
        f"step {event.step:>5}  loss {event.loss:.4f}  lr {event.learning_rate:.2e}  grad {event.grad_norm:.3f}  "
        f"{event.tokens_per_second:,.0f} tok/s  {event.peak_memory_bytes / 1e6:,.0f} MB{extra}"
    )


@lines.register
def _(event: Evaluated) -> Iterator[str]:
    metrics = dict(event.metrics)
    solved = metrics.pop("solved", None)
    extra = "".join(f"  {name} {value:.4g}" for name, value in metrics.items())
    result = f"loss {event.loss:.4f}" if solved is None else f"questions solved: {solved:.0%}"
    yield f"      held-out {result}{'  (best so far)' if event.best else ''}{extra}"


@lines.register
def _(event: Sample) -> Iterator[str]:
    yield f"  [{event.stage}] {_short(event.prompt)}"
    yield f"      → {_short(event.answer)}"


@lines.register
def _(event: Saved) -> Iterator[str]:
    if event.what in ("adapter", "model"):
        yield f"Saved: {event.path}"


@lines.register
def _(event: Warned) -> Iterator[str]:
    yield f"Note: {event.message}"


@lines.register
def _(event: Paused) -> Iterator[str]:
    yield f"Paused behind step {event.step}; go on with --resume"


@lines.register
def _(event: Resumed) -> Iterator[str]:
    yield describe_resumed(event) or f"Going on behind step {event.step}"


@lines.register
def _(event: Finished) -> Iterator[str]:
    yield event.message
    for name, figures in format_metrics(event.metrics_before, event.metrics_after):
        yield f"{name}: {figures}"


def _describe_ranks(metrics: Mapping[str, float]) -> str:
    """The speed of every rank and how long it waits, one behind the other; "" for a run of one."""
    found = sorted(int(match[1]) for name in metrics if (match := _OF_A_RANK.fullmatch(name)) and match[2] == "waiting")
    if not found:
        return ""
    speeds = " | ".join(f"{metrics.get(f'rank_{n}_tokens_per_second', 0.0):,.0f}" for n in found)
    waiting = " | ".join(f"{metrics[f'rank_{n}_waiting']:.0%}" for n in found)
    return f"  ranks {speeds} tok/s, waiting {waiting}"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 100 else flat[:97] + "..."
