"""The one loop. train(run) is a generator of events: load, train, measure, save; nothing else drives a model.

All MLX work of a run happens on the thread that iterates the generator, save batches that a processor computes side by
side (core.device.parallel), for whose end it waits.
"""

import dataclasses
import math
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx

from core import adapters
from core.atomic_files import save_tensors
from core.data.batch.batches import Batch
from core.data.kinds import PAIRS, UNPAIRED
from core.device.machine import usable_bytes
from core.device.parallel import map_in_order
from core.errors import BadOption, Unavailable, UserError
from core.events import Evaluated, Event, Finished, Phase, Sample, Saved, Step, Warned
from core.model.generate import answer_tokens
from core.rollouts import SamplingStopped
from core.run import Run
from core.run.folder import CHECKPOINTS, RunFolder
from core.training import checkpoint, report
from core.training.lr_schedule import learning_rate
from core.training.metrics import MetricMeans
from core.training.setup import Setup, prepare
from core.training.train_step import TrainStep

# A bounded cache: MLX keeps freed buffers for reuse, and varying shapes would let them pile up. A GPU has a quarter of
# its memory for it where that is more: to give buffers back and ask for them again in every step took an H100 half as
# long as the step itself.
CACHE_BYTES = 2 << 30
REHEARSED = 20  # steps from which on a run rehearses its heaviest one
# How much more than a step needs MLX may take on CUDA, where it otherwise queues work, and the buffers of it, as far
# ahead as it can. Measured on an H100 (results/gpu.md, results/precision.md): bounded so, a step takes a third less
# memory and hardly more time. Checkpointed blocks, which are many short pieces of work, take up to half as long again
# when bounded so; they get more room unless the base is packed, which is done for the sake of memory alone.
ROOM, CHECKPOINTED_ROOM = 1.2, 1.75


def train(run: Run, stop: threading.Event | None = None, *, save_now: threading.Event | None = None) -> Iterator[Event]:
    """Do a run from start to end, yielding what happens; the same events go to events.jsonl.

    Setting `stop` finishes the current step, saves a checkpoint to resume from, and keeps the best adapter
    so far. Setting `save_now` writes a checkpoint after the current step and is cleared.

    Raises UserError (BadOption, BadData, BadModel, Unavailable) with one sentence for what a person can put
    right; what was saved before stays on disk.
    """
    run = run.check().with_output()
    folder = RunFolder.plan(run)
    yield from _recorded(folder, _run(run, folder, stop, save_now, None))


def resume(
    path: Path | str,
    stop: threading.Event | None = None,
    *,
    save_now: threading.Event | None = None,
    changes: dict[str, Any] | None = None,
) -> Iterator[Event]:
    """Go on with a run that was stopped or died, from its newest checkpoint (or from the start if it has none).

    What follows equals the unbroken run. `changes` are options to set anew ({"train.steps": 500}); they are
    written to run.toml. Raises UserError as train() does.
    """
    folder = RunFolder.open(Path(path).expanduser())
    run = Run.read(folder.path / "run.toml")
    for key, value in (changes or {}).items():
        run = run.replace(key, value)
    run = dataclasses.replace(run.check(), output=str(folder.path))
    saved = checkpoint.list_checkpoints(folder.path / CHECKPOINTS)
    last = next((e for e in reversed(list(folder.events())) if isinstance(e, Finished)), None)
    if last is not None and last.reason in ("done", "early_stop") and not changes:
        raise BadOption(f"{folder.path} is finished; give more --steps or --epochs to go on.")
    if changes:
        folder.write("run.toml", run.to_toml())
    newest = saved[-1] if saved else None
    folder.forget_after(int(newest.name.removeprefix("step-")) if newest else -1)
    yield from _recorded(folder, _run(run, folder, stop, save_now, newest))


def _recorded(folder: RunFolder, events: Iterator[Event]) -> Iterator[Event]:
    """Each event to events.jsonl before it is yielded; a failure too, before it is raised."""
    try:
        for event in events:
            if not (isinstance(event, Phase) and event.fraction is not None):
                folder.log(event)
            yield event
    except UserError as error:
        folder.log(Finished("failed", 0, str(error), 0.0))
        raise
    except RuntimeError as error:
        # MLX reports a full memory as a RuntimeError whose text names the allocation.
        if "alloc" not in str(error).lower() and "memory" not in str(error).lower():
            raise
        sentence = "The memory is full: lower the batch size or the maximum length, and go on from the last checkpoint."
        folder.log(Finished("failed", 0, sentence, 0.0))
        raise Unavailable(sentence) from error


def _run(
    run: Run,
    folder: RunFolder,
    stop: threading.Event | None,
    save_now: threading.Event | None,
    newest: Path | None,
) -> Iterator[Event]:
    stop, save_now = stop or threading.Event(), save_now or threading.Event()
    ready = yield from prepare(run, folder, stop)
    try:
        yield from _trained(ready, folder, stop, save_now, newest)
    finally:
        ready.close()


def _trained(
    ready: Setup, folder: RunFolder, stop: threading.Event, save_now: threading.Event, newest: Path | None
) -> Iterator[Event]:
    loop = Loop(ready, folder)
    limit = mx.get_memory_limit()
    try:
        yield from _learned(loop, stop, save_now, newest)
    finally:
        mx.set_memory_limit(limit)


def _learned(loop: "Loop", stop: threading.Event, save_now: threading.Event, newest: Path | None) -> Iterator[Event]:
    ready = loop.ready
    loop.rehearse()
    if newest is not None:
        loop.progress, state = checkpoint.restore(newest, ready.model)
        loop.learner.begin(state)
        loop.recall()
    yield ready.started(first_step=loop.progress.step + 1)
    try:
        reason = yield from _steps(loop, stop, save_now, fresh=newest is None)
    except SamplingStopped:  # while answers were written
        reason = "stopped"
    if not loop.saved_here:
        yield loop.save()
    yield from loop.finish(reason)


def _steps(loop: "Loop", stop: threading.Event, save_now: threading.Event, fresh: bool) -> Generator[Event, None, str]:
    """Every step that is still to be done; the generator's value says why it ended."""
    ready, run = loop.ready, loop.run
    if fresh or loop.owes_before:
        yield from loop.before()
    elif loop.owes_validation:
        yield from loop.evaluate()
    yield Phase("Training")
    while loop.progress.step < ready.total_steps:
        if stop.is_set():
            return "stopped"
        yield loop.step()
        yield from loop.notes()
        step, last = loop.progress.step, loop.progress.step == ready.total_steps
        if ready.validates and (step % ready.eval_every == 0 or last):
            yield from loop.evaluate()
        if run.train.sample_every and step % run.train.sample_every == 0 and not last:
            yield from loop.samples("during")
        if step % ready.save_every == 0 or save_now.is_set():
            save_now.clear()
            yield loop.save()
        if run.train.early_stop and loop.progress.evaluations_without_best >= run.train.early_stop:
            return "early_stop"
    return "done"


class Begun(NamedTuple):
    """A step that can be computed at any time: its batches, what each counts by, and the graph of the first, where one
    comes after the other."""

    window: list[Batch]
    weights: list[float]
    first: Any


class Loop:
    """What changes while a run goes on: the model's trained weights, the optimizer, and how far it is."""

    def __init__(self, ready: Setup, folder: RunFolder) -> None:
        self.ready, self.folder, self.run = ready, folder, ready.run
        self.learner = TrainStep(ready)
        self.progress = checkpoint.Progress()
        self.saved_here = False  # the current step lies on disk as a checkpoint
        self.sample_scores: dict[str, dict[str, float]] = {}
        self._next: Begun | None = None
        mx.set_cache_limit(max(CACHE_BYTES, usable_bytes("gpu") // 4) if ready.on_gpu else CACHE_BYTES)
        mx.reset_peak_memory()

    def rehearse(self) -> None:
        """One real step on the longest batch, or on as many as are computed at once, whose gradient is thrown away: a
        memory that is too small shows now.

        What it takes goes to resolved.json. Short runs, which show soon by themselves, go without.
        """
        ready = self.ready
        if ready.largest_step is None or ready.total_steps < REHEARSED:
            return
        high, low = (int(word) for word in mx.random.state[0].tolist())
        window = sorted(ready.batches.window(ready.largest_step), key=lambda b: -b.tokens.size)[
            : ready.parallel_batches
        ]
        ready.model.train()
        cuda = ready.on_gpu and mx.cuda.is_available()
        if cuda:  # at its smallest, so that what is measured is what a step needs
            mx.set_memory_limit(1)
        mx.reset_peak_memory()
        list(map_in_order(self.learner.gradient, window, ready.parallel_batches))
        if cuda:
            checkpoints = ready.resolved["memory"].get("gradient_checkpointing")
            base = ready.resolved["precision"]
            roomy = checkpoints and base["used"] == base["compute"]
            mx.set_memory_limit(int(mx.get_peak_memory() * (CHECKPOINTED_ROOM if roomy else ROOM)))
        rows, tokens = len(window) * window[0].tokens.shape[0], window[0].tokens.shape[1]
        ready.resolved["memory"] |= {"measured": mx.get_peak_memory(), "rows": rows, "tokens": tokens}
        self.folder.write_json("resolved.json", ready.resolved)
        mx.random.seed(high << 32 | low)  # as if nothing had been drawn

    @property
    def _foresees(self) -> bool:
        """Whether a step may be built before the one before it is over: it must neither need anything computed first
        nor take random numbers, whose state a checkpoint keeps."""
        ready = self.ready
        return not (ready.teacher or ready.rollouts or self.run.spec.precomputed or self.run.adapter.dropout)

    def _begin(self, number: int) -> "Begun":
        """A step's batches, and the first of them as a graph that is not computed yet."""
        self.ready.model.train()
        window = self.ready.batches.window(number)
        together = self.ready.parallel_batches > 1 and len(window) > 1
        first = None if together else self.learner.gradient(window[0])
        return Begun(window, [self.learner.weight(b) for b in window], first)

    def _in_turn(self, begun: "Begun") -> tuple[Any, list[tuple[Any, Any]]]:
        """(the gradients of a step's batches together, (loss, metrics) of each), one batch after the other."""
        made, gradients, seen = begun.first, None, []
        for n in range(len(begun.window)):
            value, extra, slope = made
            seen.append((value, extra))
            gradients = slope if gradients is None else self.learner.add(gradients, slope)
            # Each batch is computed before the next begins, or the graphs of all would stay in memory; what comes next
            # is built meanwhile. Only a GPU, which would stand still, is given the correction at once.
            mx.async_eval(gradients, value, extra)
            last = n + 1 == len(begun.window)
            if not last:
                made = self.learner.gradient(begun.window[n + 1])
            if not last or not self.ready.on_gpu:
                mx.eval(gradients, value, extra)
        return gradients, seen

    def _side_by_side(self, begun: "Begun") -> tuple[Any, list[tuple[Any, Any]]]:
        """The same on several cores, the sum in the same order."""
        gradients, seen = None, []
        for _, (value, extra, slope) in map_in_order(self.learner.gradient, begun.window, self.ready.parallel_batches):
            seen.append((value, extra))
            gradients = slope if gradients is None else self.learner.add(gradients, slope)
            mx.eval(gradients)
        return gradients, seen

    def step(self) -> Step:
        """One optimizer step over its window of batches.

        Raises Unavailable when the numbers are no longer finite, Stopped when asked to stop while answers are written.
        """
        began = time.perf_counter()
        ready, t, progress = self.ready, self.run.train, self.progress
        number = progress.step + 1
        begun, self._next = self._next or self._begin(number), None
        window, weights, total = begun.window, begun.weights, sum(begun.weights)
        ready.model.train()  # a validation may have come between
        gradients, seen = self._in_turn(begun) if begun.first is not None else self._side_by_side(begun)
        rate = learning_rate(
            number, peak=ready.learning_rate, schedule=t.lr_schedule, warmup=ready.warmup, total=ready.total_steps
        )
        norm = self.learner.correct(gradients, total, rate)
        mx.async_eval(norm, self.learner.changed)
        if self._foresees and number < ready.total_steps:
            self._next = self._begin(number + 1)
            if ready.compiles:  # a GPU goes on while this step is told
                mx.async_eval(self._next.first)
        mx.eval(norm, self.learner.changed)
        loss, metrics = 0.0, MetricMeans()
        for (value, extra), weight in zip(seen, weights, strict=True):
            loss += float(value) * weight / total
            metrics.add(extra, weight)
        if not math.isfinite(loss) or not math.isfinite(float(norm)):
            lines = [ready.rows[i].line for b in window for i in b.rows]
            raise Unavailable(
                f"The loss is no longer a number at step {number} (rows from lines {', '.join(map(str, lines[:8]))}): "
                "lower the learning rate or compute in float32. The last checkpoint is kept."
            )
        seconds = time.perf_counter() - began
        real = sum(b.real_tokens for b in window)
        progress.step, progress.seconds = number, progress.seconds + seconds
        progress.tokens += real
        progress.trained_tokens += sum(self.learner.targets(b) for b in window)
        self.saved_here = False
        return Step(
            step=number,
            loss=loss,
            learning_rate=rate,
            grad_norm=float(norm),
            tokens=progress.tokens,
            trained_tokens=progress.trained_tokens,
            tokens_per_second=real / seconds,
            peak_memory_bytes=mx.get_peak_memory(),
            epoch=number / ready.batches.steps_per_epoch,
            seconds=progress.seconds,
            metrics=metrics.means() | self._told(seconds),
        )

    def _told(self, seconds: float) -> dict[str, float]:
        """Metrics of the answers that were learned from, where the model wrote them."""
        told = self.ready.batches.metrics()
        return told and {**told, "learning_seconds": seconds - told["sampling_seconds"]}

    def notes(self) -> Iterator[Warned]:
        """What is noticed on the way, each once."""
        compiled = self.ready.resolved["compiled"]
        if self.learner.why_uncompiled and compiled["used"]:
            compiled |= {"used": False, "reason": f"this model's steps cannot be: {self.learner.why_uncompiled}"}
            self.folder.write_json("resolved.json", self.ready.resolved)
            yield Warned("compiled", f"Steps are not compiled, and take longer: {self.learner.why_uncompiled}")
        if self.ready.rollouts is not None:
            waiting, self.ready.rollouts.notes = self.ready.rollouts.notes, []
            yield from (Warned(code, sentence) for code, sentence in waiting)

    def measure(self) -> tuple[float, int, dict[str, float]]:
        """(loss, targets, metrics) over all held-out rows, weighted as training is."""
        if self.ready.rollouts is not None:  # the share that is not solved stands for the loss
            metrics, written = self.ready.rollouts.solve()
            return 1 - metrics["solved"], written, metrics
        self.ready.model.eval()
        mx.eval(self.ready.model.trainable_parameters())  # which a correction only announces
        loss, total, targets = 0.0, 0.0, 0
        tally = MetricMeans()
        for batch, (value, extra) in map_in_order(
            self.learner.loss, self.ready.eval_batches, self.ready.parallel_batches
        ):
            weight = self.learner.weight(batch)
            loss, total, targets = loss + float(value) * weight, total + weight, targets + self.learner.targets(batch)
            tally.add(extra, weight)
        return loss / total, targets, tally.means()

    @property
    def owes_before(self) -> bool:
        """Whether the run was stopped before it had measured the model as it was."""
        return self.ready.validates and self.progress.step == 0 and self.progress.loss_before is None

    @property
    def owes_validation(self) -> bool:
        """Whether the run was stopped while it was validating."""
        step = self.progress.step
        return self.ready.validates and step % self.ready.eval_every == 0 and 0 < step != self.progress.measured_step

    def before(self) -> Iterator[Event]:
        """The model as it is, to compare with."""
        if self.ready.validates:
            yield Phase("Validating", "before training")
            loss, targets, metrics = self.measure()
            self.progress.loss_before, self.progress.metrics_before = loss, metrics
            yield Evaluated(0, loss, False, targets, metrics)
        yield from self.samples("before")

    def recall(self) -> None:
        """After a resume: what the sample answers before training were."""
        before = [e for e in self.folder.events() if isinstance(e, Sample) and e.stage == "before"]
        self.sample_scores["before"] = self._scores([e.answer for e in before], [e.expected for e in before])

    def evaluate(self) -> Iterator[Event]:
        """Measure the held-out loss; a new best is kept on disk."""
        yield Phase("Validating")
        loss, targets, metrics = self.measure()
        progress = self.progress
        progress.measured_step, progress.measured_loss, progress.measured_metrics = progress.step, loss, metrics
        best = progress.best_loss is None or loss < progress.best_loss
        if best:
            progress.best_loss, progress.best_step, progress.evaluations_without_best = loss, progress.step, 0
            progress.best_metrics = metrics
            if self.run.train.keep_best:
                self._save_best()
        else:
            progress.evaluations_without_best += 1
        self.saved_here = False
        yield Evaluated(progress.step, loss, best, targets, metrics)
        yield Phase("Training")

    def samples(self, stage: str) -> Iterator[Event]:
        """Answers to the fixed prompts, and how many are as expected."""
        if not self.ready.prompts:
            return
        yield Phase("Writing sample answers", stage)
        self.ready.model.eval()
        answers = []
        for i, question in enumerate(self.ready.prompts):
            text = answer_tokens(self.ready.model, self.ready.tokenizer, question.tokens, self.run.train.sample_tokens)
            answers.append(text)
            yield Sample(self.progress.step, stage, i, question.prompt, text, question.expected)
        self.sample_scores[stage] = self._scores(answers, [p.expected for p in self.ready.prompts])

    def _scores(self, answers: list[str], expected: list[str]) -> dict[str, float]:
        """Where rows show what to prefer, an answer is not meant to be theirs word for word."""
        return {} if self.run.spec.data in (PAIRS, UNPAIRED) else report.answer_scores(answers, expected)

    def save(self) -> Saved:
        """A checkpoint of the current step."""
        path = checkpoint.save(
            self.folder.path / CHECKPOINTS,
            self.progress,
            self.ready.model,
            self.learner.optimizer.state,
            self.run.train.keep_checkpoints,
        )
        self.saved_here = True
        return Saved(self.progress.step, str(path), "checkpoint")

    @property
    def _best_path(self) -> Path:
        return self.folder.path / CHECKPOINTS / "best.safetensors"

    def _save_best(self) -> None:
        self._best_path.parent.mkdir(exist_ok=True)
        save_tensors(self._best_path, adapters.tensors(self.ready.model))
        self._save_adapter()

    def _save_adapter(self) -> None:
        self.folder.write_json(adapters.CONFIG, adapters.config(self.ready.model, self.run.adapter, self.run.model))
        save_tensors(self.folder.path / adapters.WEIGHTS, adapters.saved_tensors(self.ready.model), {"format": "mlx"})

    def _learned(self) -> dict[str, float]:
        """The metrics of the last tenth of the steps, on rows that are learned from."""
        steps = [e.metrics for e in self.folder.events() if isinstance(e, Step)]
        last = steps[-max(1, len(steps) // 10) :] if steps else []
        return {k: sum(m[k] for m in last) / len(last) for k in (last[0] if last else ()) if all(k in m for m in last)}

    def finish(self, reason: str) -> Iterator[Event]:
        """Keep the best (or the last) adapter, measure it, answer the samples, say how it went."""
        progress, ready = self.progress, self.ready
        kept = progress.step
        loss_after: float | None = None
        metrics_after: dict[str, float] = {}
        if ready.validates:
            # Stopped between two validations, the newest weights may be better than the best so far. That is
            # measured here and not counted, so that a resumed run goes on as the unbroken one would.
            here, metrics_after = progress.measured_loss, progress.measured_metrics
            if progress.measured_step != progress.step:
                try:
                    here, _, metrics_after = self.measure()
                except SamplingStopped:  # whoever stops a run that writes answers does not wait for more of them
                    here, metrics_after = None, {}
            best, best_step = progress.best_loss, progress.best_step
            newest = math.inf if here is None else here
            if self.run.train.keep_best and best is not None and best_step is not None and best < newest:
                kept, loss_after, metrics_after = best_step, best, progress.best_metrics
                ready.model.load_weights(str(self._best_path), strict=False)
            else:
                loss_after = here
        yield Phase("Saving")
        self._save_adapter()
        yield Saved(kept, str(self.folder.path), "adapter")
        yield from self.samples("after")
        finished = Finished(
            reason=reason,
            step=progress.step,
            message="",
            seconds=progress.seconds,
            loss_before=progress.loss_before,
            loss_after=loss_after,
            best_step=kept,
            eval_rows=ready.measured_rows,
            metrics_before=progress.metrics_before | self.sample_scores.get("before", {}),
            metrics_after=metrics_after | self.sample_scores.get("after", {}),
        )
        finished = dataclasses.replace(finished, message=report.verdict(self.run, finished, self._learned()))
        self.folder.write("report.md", report.page(self.run, ready.resolved, finished))
        yield finished
