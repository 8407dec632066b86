"""All that is known of a run, gathered event by event. A live run and an old one fill it the same way. No Qt."""

import math
import time
from dataclasses import dataclass, field

from app.runs.series import Series
from core.events import Evaluated, Event, Finished, Phase, Sample, Saved, Started, Step, Warned


@dataclass(frozen=True)
class Line:
    """One line of the log. `level` is "info", "note" or "problem"."""

    time: float
    level: str
    text: str


@dataclass
class Record:
    """Curves, counts, samples and log of one run. `clock` gives the present for a live run's elapsed time."""

    began: float | None = None
    started: Started | None = None
    phase: Phase | None = None
    last: Step | None = None
    best: Evaluated | None = None
    finished: Finished | None = None
    problem: str = ""  # the sentence of a UserError
    last_time: float | None = None
    loss: Series = field(default_factory=Series)
    learning_rate: Series = field(default_factory=Series)
    grad_norm: Series = field(default_factory=Series)
    speed: Series = field(default_factory=Series)
    memory: Series = field(default_factory=Series)
    validation: Series = field(default_factory=Series)
    metrics: dict[str, Series] = field(default_factory=dict)  # of the steps, by name
    held: dict[str, Series] = field(default_factory=dict)  # the same on held-out rows
    validations: list[Evaluated] = field(default_factory=list)
    checkpoints: list[int] = field(default_factory=list)
    samples: dict[int, list[Sample]] = field(default_factory=dict)  # by prompt
    log: list[Line] = field(default_factory=list)
    _pace: float | None = None  # seconds a step takes, smoothed

    def add(self, event: Event) -> None:
        """Take in an event."""
        if self.began is None:
            self.began = event.time
        if isinstance(event, Step):
            self._step(event)
        elif isinstance(event, Phase):
            self.phase = event
            if event.fraction is None:
                self._say(event, "info", f"{event.name}: {event.detail}" if event.detail else event.name)
        elif isinstance(event, Started):
            self.started = event
            if event.first_step > 1 and self.last is not None:
                self.began = event.time - self.last.seconds  # resumed: the pause does not count
            self.finished, self.problem, self._pace = None, "", None
            words = f"{event.total_steps:,} steps over {event.rows:,} rows; {event.eval_rows:,} held out"
            self._say(event, "info", words)
            self._say(event, "info", f"Backend: {fallback(event.backend)}")
            self._say(event, "info", f"Precision: {fallback(event.precision)}")
        elif isinstance(event, Evaluated):
            self._evaluated(event)
        elif isinstance(event, Sample):
            self.samples.setdefault(event.index, []).append(event)
        elif isinstance(event, Saved):
            if event.what == "checkpoint":
                self.checkpoints.append(event.step)
            self._say(event, "info", f"Saved the {event.what} of step {event.step:,}: {event.path}")
        elif isinstance(event, Warned):
            self._say(event, "note", event.message)
        elif isinstance(event, Finished):
            self.finished = event
            self._say(event, "problem" if event.reason == "failed" else "info", event.message)
            self.problem = event.message if event.reason == "failed" else ""
        self.last_time = event.time

    def fail(self, sentence: str) -> None:
        """The run ended with a UserError's sentence."""
        self.problem = sentence
        if not (self.finished and self.finished.reason == "failed"):
            self.log.append(Line(time.time(), "problem", sentence))

    @property
    def over(self) -> bool:
        return self.finished is not None or bool(self.problem)

    @property
    def fraction(self) -> float | None:
        """Share of the steps done; None before they are counted."""
        if self.finished is not None and self.finished.reason != "failed":
            return 1.0
        if self.started is None:
            return self.phase.fraction if self.phase else None
        done = self.last.step if self.last else self.started.first_step - 1
        return done / self.started.total_steps

    def seconds_left(self) -> float | None:
        """How long the steps that are left will take at the present pace."""
        if self.started is None or self.last is None or self._pace is None:
            return None
        return (self.started.total_steps - self.last.step) * self._pace

    def elapsed(self, now: float) -> float:
        """Seconds since the first event, up to the last one when the run is over."""
        if self.began is None:
            return 0.0
        end = self.last_time if self.over and self.last_time is not None else now
        return max(0.0, end - self.began)

    def answers(self, stage: str) -> dict[int, Sample]:
        """The latest answer to each prompt at a stage: "before", "during" or "after"."""
        return {i: s for i, all_ in self.samples.items() for s in all_ if s.stage == stage}

    def _step(self, event: Step) -> None:
        for series, value in (
            (self.loss, event.loss),
            (self.learning_rate, event.learning_rate),
            (self.grad_norm, event.grad_norm),
            (self.speed, event.tokens_per_second),
            (self.memory, event.peak_memory_bytes / 2**30),
        ):
            series.append(event.step, value)
        for name, value in event.metrics.items():
            self.metrics.setdefault(name, Series()).append(event.step, value)
        before = self.last
        if before is not None and event.step > before.step:
            since = max(before.time, self.started.time if self.started else 0.0)  # a pause before a resume is no pace
            took = (event.time - since) / (event.step - before.step)
            self._pace = took if self._pace is None else 0.95 * self._pace + 0.05 * took
        self.last = event

    def _evaluated(self, event: Evaluated) -> None:
        self.validation.append(event.step, event.loss)
        self.validations.append(event)
        for name, value in event.metrics.items():
            self.held.setdefault(name, Series()).append(event.step, value)
        if math.isfinite(event.loss) and (self.best is None or event.loss < self.best.loss):
            self.best = event
        mark = ", the best so far" if event.best else ""
        self._say(event, "info", f"Step {event.step:,}: loss on held-out rows {event.loss:.4f}{mark}")

    def _say(self, event: Event, level: str, text: str) -> None:
        self.log.append(Line(event.time, level, text))


def fallback(about: dict[str, object]) -> str:
    """requested → used: reason, in one line."""
    return f"{about.get('requested')} → {about.get('used')}: {about.get('reason')}"
