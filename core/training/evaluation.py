"""How good the model is while it is trained: held-out loss, sample answers, the best weights so far, and the ending."""

import dataclasses
import math
from collections.abc import Generator, Iterator
from pathlib import Path

from core import adapters
from core.data.kinds import TEXT
from core.events import Evaluated, Event, Finished, Phase, Saved, Step, Warned, from_json, to_json
from core.files.atomic_files import make_private_folder, save_tensors
from core.files.checksums import hash_file
from core.files.file_errors import explain
from core.methods import Method
from core.rollouts import SamplingStopped
from core.run.changes import describe_resumed
from core.run.folder import CHECKPOINTS, REPORT
from core.stop_request import pauses, skips
from core.text.sentence import say
from core.training import checkpoint, report
from core.training.answers import find_caveat
from core.training.checkpoint import Progress
from core.training.forgetting import METRIC, describe
from core.training.general_measure import GeneralMeasure
from core.training.held_out import HeldOut, HeldOutResult
from core.training.rank_facts import measured
from core.training.recovery import Recovery
from core.training.sample_answers import SampleAnswers
from core.training.setup import Setup
from core.training.train_step import TrainStep
from core.training.verdict import verdict


def _is_text_loss(spec: Method) -> bool:
    """Whether a method's held-out loss is the plain cross-entropy of a text's tokens."""
    return spec.data == TEXT and spec.divergence is None and not spec.on_policy


class Evaluation:
    """Measures the model in training, and keeps the best of it on disk. What it finds goes into `progress`."""

    def __init__(self, setup: Setup, train_step: TrainStep, progress: Progress, recovery: Recovery) -> None:
        self.setup, self.run, self.folder = setup, setup.run, setup.folder
        self.progress, self.recovery = progress, recovery
        self.group = setup.group
        self.general = GeneralMeasure(setup)
        self.held_out = HeldOut(setup, train_step, recovery)
        self.samples = SampleAnswers(setup)
        self._was_stopped = False  # while it measured

    @property
    def lacks_baseline(self) -> bool:
        """Whether the run was stopped before it had measured the model as it was."""
        return self.setup.validates and self.progress.step == 0 and self.progress.loss_before is None

    @property
    def lacks_evaluation(self) -> bool:
        """Whether the run was stopped while it was validating."""
        step = self.progress.step
        is_due = step % self.setup.schedule.eval_every == 0
        return self.setup.validates and is_due and 0 < step != self.progress.measured_step

    @property
    def has_other_rows(self) -> bool:
        """Whether the losses so far were measured on other held-out rows than these."""
        return self.progress.held_out != self.setup.resolved.inputs.held_out

    def start_anew(self) -> Iterator[Event]:
        """Measure the model as it is now on other held-out rows than before: what follows is compared with that."""
        progress = self.progress
        progress.held_out = self.setup.resolved.inputs.held_out
        progress.best_loss = progress.best_step = progress.best_file = progress.best_sha256 = None
        progress.loss_before, progress.measured_step, progress.measured_loss = None, -1, None
        progress.metrics_before, progress.measured_metrics, progress.evaluations_without_best = {}, {}, 0
        if self.setup.validates:
            yield from self.evaluate()
            progress.loss_before, progress.metrics_before = progress.measured_loss, progress.measured_metrics
        yield from self.sample_answers("before")

    def measure_baseline(self) -> Iterator[Event]:
        """Loss and sample answers of the model as it is, to compare with."""
        self.progress.held_out = self.setup.resolved.inputs.held_out
        if self.setup.validates:
            loss, targets, metrics = yield from self._measure_until_stopped(say("before training"))
            self.progress.loss_before, self.progress.metrics_before = loss, metrics
            if loss is not None:
                yield Evaluated(0, loss, False, targets, metrics)
        yield from self.sample_answers("before")

    def restore(self, is_fresh: bool) -> None:
        """Before the first step: the adapter of steps that were gone back behind gives way to the best one so far."""
        progress = self.progress
        if is_fresh:
            if not self.folder.is_new:
                (self.folder.path / adapters.WEIGHTS).unlink(missing_ok=True)
            return
        if self.run.train.keep_best and progress.best_file is None:
            progress.best_loss = progress.best_step = None
        if not self.group.is_first:
            return
        newest = adapters.trainable_tensors(self.setup.model)
        if self.run.train.keep_best and progress.best_file is not None:
            self.setup.model.load_weights(str(self._best_path), strict=False)
        self._save_adapter()
        self.setup.model.load_weights(list(newest.items()), strict=False)
        self.samples.recall(self.folder.events())

    def evaluate(self) -> Iterator[Event]:
        """Measure the held-out loss; a new best is kept on disk. Where it could not be measured nothing is compared."""
        stop = self.setup.stop
        is_stopping = stop.is_set() and not pauses(stop)  # a stop before the last validation does not leave it out
        loss, targets, metrics = yield from self._measure_until_stopped(anyway=is_stopping)
        progress = self.progress
        progress.measured_step, progress.measured_loss, progress.measured_metrics = progress.step, loss, metrics
        if loss is None:
            yield Phase("Training")
            return
        is_lowest = self._is_lowest(loss)
        if math.isfinite(loss) and (progress.best_loss is None or loss < progress.best_loss):
            progress.best_loss, progress.best_step, progress.evaluations_without_best = loss, progress.step, 0
            progress.best_metrics, progress.best_file, progress.best_sha256 = metrics, None, None
            if self.run.train.keep_best:
                self._save_best()
        else:
            progress.evaluations_without_best += 1
        yield Evaluated(progress.step, loss, is_lowest, targets, metrics)
        yield Phase("Training")

    def sample_answers(self, stage: str) -> Iterator[Event]:
        """Answers to the fixed prompts; `stage` is "before", "during" or "after"."""
        return self.samples.write(stage, self.progress.step)

    def finish(self, reason: str) -> Iterator[Event]:
        """Keep the best (or the last) adapter, measure it, answer the samples, say how it went.

        `reason` is "done", "stopped" or "early_stop".
        """
        progress = self.progress
        kept_step, loss_after, metrics_after = yield from self._choose_weights()
        if self.setup.is_parted:
            self.setup.model.update(self.group.copy_from_first(self.setup.model.trainable_parameters()))
        if not self.group.is_first:
            yield from self.sample_answers("after") if self.setup.is_parted else ()
            yield from_json(self.group.broadcast())
            return
        yield Phase("Saving")
        self._save_adapter()
        yield Saved(kept_step, str(self.folder.path), "adapter")
        yield from self.sample_answers("after")
        general = yield from self.general.measure_after()
        compared = general.forgetting if general else None
        losses = ({METRIC: compared.before}, {METRIC: compared.after}) if compared else ({}, {})
        finished = Finished(
            reason=reason,
            step=progress.step,
            message="",
            seconds=progress.seconds,
            loss_before=progress.loss_before,
            loss_after=loss_after,
            best_step=kept_step,
            eval_rows=self.setup.eval_rows,
            metrics_before=progress.metrics_before | self.samples.scores("before") | losses[0],
            metrics_after=metrics_after | self.samples.scores("after") | losses[1],
            forgetting=describe(compared),
        )
        caveat = find_caveat(
            finished,
            self.samples.of("before"),
            self.samples.of("after"),
            self.setup.resolved.model.parameters,
            is_text_loss=_is_text_loss(self.run.spec),
        )
        finished = dataclasses.replace(finished, caveat=caveat)
        epochs = progress.step / self.setup.resolved.steps_per_epoch
        sentence = verdict(self.run, finished, self._training_metrics(), epochs)
        finished = dataclasses.replace(finished, message=sentence)
        yield from self.recovery.take_notes()
        told = (e.message if isinstance(e, Warned) else describe_resumed(e) for e in self.folder.events())
        notes = [sentence for sentence in told if sentence]
        if facts := self.setup.resolved.ranks:
            ranks = measured(facts, list(self.folder.events()))
            self.setup.resolved = dataclasses.replace(self.setup.resolved, ranks=ranks)
            self.setup.write_resolved()
        samples = [*self.samples.of("before"), *self.samples.of("after")]
        page = report.page(self.run, self.setup.resolved_json, finished, notes, general=general, samples=samples)
        self.folder.write(REPORT, page)
        self.group.broadcast(to_json(finished))
        yield finished

    def _measure_until_stopped(self, when: str = "", *, anyway: bool = False) -> Generator[Event, None, HeldOutResult]:
        """The same as HeldOut.measure(). Raises SamplingStopped when the run is asked to stop meanwhile; with `anyway`
        only when it is asked to skip the rest."""
        stop = self.setup.stop
        try:
            return (yield from self.held_out.measure((lambda: skips(stop)) if anyway else stop.is_set, when))
        except SamplingStopped:
            self._was_stopped = True
            raise

    def _is_lowest(self, loss: float) -> bool:
        """Whether a held-out loss is below those before it: of trained weights, and of the model before training."""
        others = (self.progress.loss_before, self.progress.best_loss)
        measured = [other for other in others if other is not None and math.isfinite(other)]
        return math.isfinite(loss) and all(loss < other for other in measured)

    def _choose_weights(self) -> Generator[Event, None, tuple[int, float | None, dict[str, float]]]:
        """Load the best weights where they are better than the newest: (step of those kept, their loss, metrics)."""
        progress = self.progress
        if not self.setup.validates:
            return progress.step, None, {}
        # Stopped between two validations, the newest weights may be better than the best so far. That is
        # measured here and not counted, so that a resumed run goes on as the unbroken one would.
        newest_loss, newest_metrics = progress.measured_loss, progress.measured_metrics
        stop = self.setup.stop
        if self._was_stopped or skips(stop):  # whoever stops a validation does not wait for it
            newest_loss, newest_metrics = None, {}
        elif progress.measured_step != progress.step:
            try:
                newest_loss, targets, newest_metrics = yield from self.held_out.measure(
                    lambda: skips(stop), say("the newest weights")
                )
                if newest_loss is not None:
                    yield Evaluated(progress.step, newest_loss, self._is_lowest(newest_loss), targets, newest_metrics)
            except SamplingStopped:  # whoever stops a run that writes answers does not wait for more of them
                newest_loss, newest_metrics = None, {}
        best_loss, best_step = progress.best_loss, progress.best_step
        limit = newest_loss if newest_loss is not None and math.isfinite(newest_loss) else math.inf
        is_better = best_loss is not None and best_loss < limit
        keeps_best = self.run.train.keep_best and self.group.is_first
        if keeps_best and progress.best_file is not None and best_step is not None and is_better:
            self.setup.model.load_weights(str(self._best_path), strict=False)
            return best_step, best_loss, progress.best_metrics
        return progress.step, newest_loss, newest_metrics

    def _training_metrics(self) -> dict[str, float]:
        """The metrics of the last tenth of the steps, on rows that are learned from."""
        metrics = [e.metrics for e in self.folder.events() if isinstance(e, Step)]
        last = metrics[-max(1, len(metrics) // 10) :]
        names = last[0] if last else {}
        return {name: sum(m[name] for m in last) / len(last) for name in names if all(name in m for m in last)}

    @property
    def _best_path(self) -> Path:
        return self.folder.path / CHECKPOINTS / (self.progress.best_file or "")

    def _save_best(self) -> None:
        """Keep the weights of this step beside the checkpoints, and the adapter in the run's folder."""
        progress = self.progress
        progress.best_file = checkpoint.best_name(progress.step)
        if not self.group.is_first:
            return
        with explain(self._best_path):
            make_private_folder(self._best_path.parent)
            save_tensors(self._best_path, adapters.trainable_tensors(self.setup.model))
            progress.best_sha256 = hash_file(self._best_path)
        self._save_adapter()

    def _save_adapter(self) -> None:
        model = self.setup.model
        self.folder.write_json(adapters.CONFIG, adapters.build_config(model, self.run.adapter, self.run.model))
        save_tensors(self.folder.path / adapters.WEIGHTS, adapters.saved_tensors(model), {"format": "mlx"})
