"""The state of a run, gathered from its events: a live run and an old one on disk fill it the same way. No Qt."""

import math
import time
from dataclasses import dataclass, field, replace
from typing import Any

from app.desktop.language import localize, tr
from app.runs.phase_text import describe_phase
from app.runs.series import Series
from core.events import (
    MACHINE_CODES,
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
)
from core.run.changes import describe_changes, describe_resumed

FIRST_PHASE = "Preparing data"  # of a run that begins, or goes on


@dataclass(frozen=True)
class LogLine:
    """One line of the log. `level` is "info", "note" or "problem"."""

    time: float
    level: str
    text: str


@dataclass
class RunRecord:
    """Curves, counts, samples and log of one run. Times are seconds since the epoch."""

    start_time: float | None = None
    started: Started | None = None
    phase: Phase | None = None
    last_step: Step | None = None
    best_eval: Evaluated | None = None  # the evaluation with the lowest loss on held-out rows
    finished: Finished | None = None
    paused: Paused | None = None  # while it pauses
    changes: list[tuple[int, str]] = field(default_factory=list)  # (step, words) of what was changed behind a step
    problem: str = ""  # the sentence of a UserError, to be said with tr() where it is shown
    damage: str = ""  # what of an old run cannot be read
    last_time: float | None = None
    loss: Series = field(default_factory=Series)
    learning_rate: Series = field(default_factory=Series)
    grad_norm: Series = field(default_factory=Series)
    speed: Series = field(default_factory=Series)
    memory: Series = field(default_factory=Series)
    tokens: Series = field(default_factory=Series)  # that went through the model by each step
    seconds: Series = field(default_factory=Series)  # of training by each step
    eval_loss: Series = field(default_factory=Series)
    metrics: dict[str, Series] = field(default_factory=dict)  # of the training steps, by name
    eval_metrics: dict[str, Series] = field(default_factory=dict)  # on held-out rows, by name
    evaluations: list[Evaluated] = field(default_factory=list)
    checkpoints: list[int] = field(default_factory=list)
    samples: dict[int, list[Sample]] = field(default_factory=dict)  # by index of the prompt
    log: list[LogLine] = field(default_factory=list)
    machine_note: Warned | None = None  # the last one
    engine_off: str = ""  # why the Neural Engine was switched off on the way
    _step_seconds: float | None = None  # of one step, a running average
    _has_slept: bool = False  # the computer, since the last step
    _stood: float = 0.0  # seconds between its end and its going on, all together
    _is_taken_up: bool = False  # it goes on, and does not train yet

    def add(self, event: Event) -> None:
        """Update the record with the run's next event."""
        if self.start_time is None:
            self.start_time = event.time
        if isinstance(event, Step):
            self._add_step(event)
        elif isinstance(event, Phase):
            if event.name == FIRST_PHASE and self.started and not self._is_taken_up:
                self._stood += max(0.0, event.time - (self.last_time or event.time))
                self._is_taken_up = True
            self.phase, self.paused = event, None  # also of a run that is to go on
            if event.fraction is None:
                self._log(event, "info", describe_phase(event))
        elif isinstance(event, Started):
            self._add_start(event)
        elif isinstance(event, Evaluated):
            self._add_evaluation(event)
        elif isinstance(event, Sample):
            self.samples.setdefault(event.index, []).append(event)
        elif isinstance(event, Saved):
            if event.what == "checkpoint":
                self.checkpoints.append(event.step)
            what = (
                tr("checkpoint")
                if event.what == "checkpoint"
                else tr("adapter")
                if event.what == "adapter"
                else event.what
            )
            words = tr("Saved the {what} of step {step:,}: {path}", what=what, step=event.step, path=event.path)
            self._log(event, "info", words)
        elif isinstance(event, Warned):
            self._log(event, "note", tr(event.message))
            if event.code in MACHINE_CODES:
                self.machine_note = event
            if event.code == "neural-engine-off":
                self.engine_off = event.message
            self._has_slept = self._has_slept or event.code == "slept"
        elif isinstance(event, Paused):
            self.paused = event
            self._log(event, "info", tr("Paused behind step {step:,}", step=event.step))
        elif isinstance(event, Resumed):
            self._add_resumption(event)
        elif isinstance(event, Finished):
            self.finished = event
            self._log(event, "problem" if event.reason == "failed" else "info", tr(event.message))
            self.problem = event.message if event.reason == "failed" else ""
        self.last_time = event.time

    def fail(self, sentence: str) -> None:
        """Mark the run as ended by an error, whose sentence this is."""
        self.problem = sentence
        if not (self.finished and self.finished.reason == "failed"):
            self.log.append(LogLine(time.time(), "problem", tr(sentence)))

    @property
    def backend(self) -> dict[str, Any]:
        """What computes, as a Started event has it, without the Neural Engine where it was switched off since."""
        backend = self.started.backend if self.started else {}
        if not self.engine_off:
            return backend
        off = {"used": False, "code": "runtime", "stage": "run", "line": self.engine_off}
        return {**backend, "neural_engine": off}

    @property
    def is_over(self) -> bool:
        """Whether the run has finished or failed."""
        return self.finished is not None or bool(self.problem)

    @property
    def is_training(self) -> bool:
        """Whether it takes its steps, as far as the events tell."""
        stands = self.is_over or self.paused is not None
        return not stands and self.phase is not None and self.phase.name == "Training"

    @property
    def fraction(self) -> float | None:
        """Share of the steps done, from 0 to 1; None before the steps are counted."""
        if self.finished is not None and self.finished.reason != "failed":
            return 1.0
        if self.started is None:
            return self.phase.fraction if self.phase else None
        step = self.last_step.step if self.last_step else self.started.first_step - 1
        return step / self.started.total_steps

    def seconds_left(self) -> float | None:
        """Seconds that the remaining steps will take at the present pace; None before it can be estimated, and once
        they are done: what comes then is not counted in steps."""
        if self.started is None or self.last_step is None or self._step_seconds is None:
            return None
        steps = self.started.total_steps - self.last_step.step
        return steps * self._step_seconds if steps > 0 else None

    def elapsed(self, now: float) -> float:
        """Seconds from the first event to `now`, or to the last event where the run is over, without those in which it
        stood: paused, stopped or interrupted."""
        if self.start_time is None:
            return 0.0
        stands = self.is_over or self.paused is not None
        end = self.last_time if stands and self.last_time is not None else now
        return max(0.0, end - self.start_time - self._stood)

    @property
    def kept(self) -> tuple[float, int] | None:
        """(loss on held-out rows, step) of the weights that are kept; while it trains, of the best ones so far."""
        finished = self.finished
        if finished is not None and finished.loss_after is not None and math.isfinite(finished.loss_after):
            return finished.loss_after, finished.step if finished.best_step is None else finished.best_step
        measured = [(e.loss, e.step) for e in self.evaluations if e.step and math.isfinite(e.loss)]
        return min(measured, default=None)

    def answers(self, stage: str) -> dict[int, Sample]:
        """The latest answer to each prompt at a stage: "before", "during" or "after"."""
        return {i: s for i, samples in self.samples.items() for s in samples if s.stage == stage}

    @property
    def mlx_memory(self) -> str:
        """What of the memory MLX's arrays have taken at most, in words."""
        step = self.last_step
        return localize(f"MLX {step.peak_memory_bytes / 2**30:.2f}") if step and step.process_memory_bytes else ""

    @property
    def memory_limit(self) -> float | None:
        """GB that the process should stay below; None where that is not known."""
        limit = self.started.memory.get("limit") if self.started else None
        return limit / 2**30 if isinstance(limit, int) and limit > 0 else None

    def note_memory(self, process_bytes: int, time: float) -> None:
        """Put into the log what the process holds once the run is over, beside the most that it held."""
        if len(self.memory):
            most, rest = max(self.memory.y), process_bytes / 2**30
            words = tr(
                "Memory: the process held up to {most:.2f} GB; after the run it holds {rest:.2f} GB.",
                most=most,
                rest=rest,
            )
            self.log.append(LogLine(time, "info", words))

    def _add_start(self, event: Started) -> None:
        self.started, self._is_taken_up = event, False
        self.finished, self.problem, self.engine_off, self._step_seconds = None, "", "", None
        self.paused = None
        if self.last_step is not None and event.first_step <= self.last_step.step:
            self._go_back(self.last_step, event.first_step)
        summary = tr(
            "{steps:,} steps over {rows:,} rows; {held_out:,} held out",
            steps=event.total_steps,
            rows=event.rows,
            held_out=event.eval_rows,
        )
        self._log(event, "info", summary)
        self._log(event, "info", tr("Backend: {choice}", choice=describe_choice(event.backend)))
        self._log(event, "info", tr("Precision: {choice}", choice=describe_choice(event.precision)))
        for name, words in (("link", tr("Link")), ("sharding", tr("Parts of the model"))):
            if choice := event.ranks.get(name):
                self._log(event, "info", f"{words}: {describe_choice(choice)}")
        if event.memory.get("wired"):
            self._log(event, "info", tr("Wired memory: {size:.1f} GB", size=event.memory["wired"] / 1e9))

    def _go_back(self, last: Step, step: int) -> None:
        """Forget the steps from this one to the last, which are done again: the run goes on from a checkpoint."""
        curves = [self.loss, self.learning_rate, self.grad_norm, self.speed, self.memory, self.tokens, self.seconds]
        for curve in (*curves, self.eval_loss, *self.metrics.values(), *self.eval_metrics.values()):
            curve.cut(step)
        self.evaluations = [evaluation for evaluation in self.evaluations if evaluation.step < step]
        measured = [evaluation for evaluation in self.evaluations if math.isfinite(evaluation.loss)]
        self.best_eval = min(measured, key=lambda evaluation: evaluation.loss, default=None)
        self.checkpoints = [saved for saved in self.checkpoints if saved < step]
        self.samples = {i: [s for s in samples if s.step < step] for i, samples in self.samples.items()}
        self.last_step = None
        if len(self.loss):
            loss, tokens, seconds = self.loss.y[-1], int(self.tokens.y[-1]), self.seconds.y[-1]
            self.last_step = replace(last, step=step - 1, loss=loss, tokens=tokens, seconds=seconds)

    def _add_resumption(self, event: Resumed) -> None:
        if event.changes:
            self.changes.append((event.step, describe_changes(event.changes)))
        self._log(event, "info", tr(describe_resumed(event)) or tr("Going on behind step {step:,}", step=event.step))

    def _add_step(self, event: Step) -> None:
        for series, value in (
            (self.loss, event.loss),
            (self.learning_rate, event.learning_rate),
            (self.grad_norm, event.grad_norm),
            (self.speed, event.tokens_per_second),
            (self.memory, (event.process_memory_bytes or event.peak_memory_bytes) / 2**30),
            (self.tokens, event.tokens),
            (self.seconds, event.seconds),
        ):
            series.append(event.step, value)
        for name, value in event.metrics.items():
            self.metrics.setdefault(name, Series()).append(event.step, value)
        previous = self.last_step
        if previous is not None and event.step > previous.step and not self._has_slept:
            # From the start event after a resume: the pause before it does not count.
            begin = max(previous.time, self.started.time if self.started else 0.0)
            seconds = (event.time - begin) / (event.step - previous.step)
            average = self._step_seconds
            self._step_seconds = seconds if average is None else 0.95 * average + 0.05 * seconds
        self.last_step, self._has_slept = event, False

    def _add_evaluation(self, event: Evaluated) -> None:
        self.eval_loss.append(event.step, event.loss)
        self.evaluations.append(event)
        for name, value in event.metrics.items():
            self.eval_metrics.setdefault(name, Series()).append(event.step, value)
        if math.isfinite(event.loss) and (self.best_eval is None or event.loss < self.best_eval.loss):
            self.best_eval = event
        mark = tr(", the best so far") if event.best else ""
        solved = event.metrics.get("solved")
        words = (
            tr("Step {step:,}: loss on held-out rows {loss:.4f}{mark}", step=event.step, loss=event.loss, mark=mark)
            if solved is None
            else tr("Step {step:,}: {solved:.0%} of held-out questions solved{mark}", step=event.step, solved=solved,
                    mark=mark)
        )  # fmt: skip
        self._log(event, "info", words)

    def _log(self, event: Event, level: str, text: str) -> None:
        self.log.append(LogLine(event.time, level, text))


def describe_choice(choice: dict[str, Any]) -> str:
    """requested → used: reason, in one line, for what a Started event says was chosen."""
    return f"{choice.get('requested')} → {choice.get('used')}: {tr(choice.get('reason') or '')}"
