"""How good the model is while it is trained: held-out loss, sample answers, the best weights so far, and the ending."""

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import mlx.core as mx

from core import adapters
from core.ane.forward import VALIDATION
from core.atomic_files import explain, hash_file, make_private_folder, save_tensors
from core.data.batch.batches import Batch
from core.data.kinds import PAIRS, TEXT, UNPAIRED
from core.device.parallel import map_in_order
from core.events import Evaluated, Event, Finished, Phase, Sample, Saved, Step, Warned, from_json, to_json
from core.methods import Method
from core.model.generate import answer_tokens
from core.rollouts import SamplingStopped
from core.run.changes import describe_resumed
from core.run.folder import CHECKPOINTS, REPORT
from core.stop_request import skips
from core.text.sentence import say
from core.training import checkpoint, report
from core.training.answers import find_caveat
from core.training.checkpoint import Progress
from core.training.forgetting import METRIC, describe
from core.training.general_measure import GeneralMeasure
from core.training.rank_facts import measured
from core.training.recovery import Recovery
from core.training.result_metrics import answer_scores
from core.training.setup import Setup
from core.training.step_sums import StepSums
from core.training.train_step import Loss, TrainStep
from core.training.verdict import verdict

_TELL_SECONDS = 0.5  # between two reports of how many rows are measured
_STAGES = {"before": say("before training"), "during": say("on the way"), "after": say("after training")}


class _HeldOutResult(NamedTuple):
    """What an evaluation over all held-out rows gives."""

    loss: float | None  # None where a person's reward file failed
    targets: int  # tokens that were predicted, or written where answers are measured
    metrics: dict[str, float]


def _is_text_loss(spec: Method) -> bool:
    """Whether a method's held-out loss is the plain cross-entropy of a text's tokens."""
    return spec.data == TEXT and spec.divergence is None and not spec.on_policy


class Evaluation:
    """Measures the model in training, and keeps the best of it on disk. What it finds goes into `progress`."""

    def __init__(self, setup: Setup, train_step: TrainStep, progress: Progress, recovery: Recovery) -> None:
        self.setup, self.run, self.folder = setup, setup.run, setup.folder
        self.train_step, self.progress, self.recovery = train_step, progress, recovery
        self.group = setup.group
        self.general = GeneralMeasure(setup)
        self._samples: dict[str, list[Sample]] = {}  # by stage, the newest of each
        self._sample_scores: dict[str, dict[str, float]] = {}
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
        self._recall_baseline()

    def _recall_baseline(self) -> None:
        """Score the sample answers from before training again, as the log has them."""
        samples = [e for e in self.folder.events() if isinstance(e, Sample) and e.stage == "before"]
        samples = [e for e in samples if e.step == samples[-1].step]  # asked anew where other rows were held out
        self._samples["before"] = samples
        self._score_samples("before")

    def evaluate(self) -> Iterator[Event]:
        """Measure the held-out loss; a new best is kept on disk. Where it could not be measured nothing is compared."""
        loss, targets, metrics = yield from self._measure_until_stopped()
        progress = self.progress
        progress.measured_step, progress.measured_loss, progress.measured_metrics = progress.step, loss, metrics
        if loss is None:
            yield Phase("Training")
            return
        is_best = math.isfinite(loss) and (progress.best_loss is None or loss < progress.best_loss)
        if is_best:
            progress.best_loss, progress.best_step, progress.evaluations_without_best = loss, progress.step, 0
            progress.best_metrics, progress.best_file, progress.best_sha256 = metrics, None, None
            if self.run.train.keep_best:
                self._save_best()
        else:
            progress.evaluations_without_best += 1
        yield Evaluated(progress.step, loss, is_best, targets, metrics)
        yield Phase("Training")

    def sample_answers(self, stage: str) -> Iterator[Event]:
        """Answers to the fixed prompts, and how many are as expected; `stage` is "before", "during" or "after"."""
        setup = self.setup
        # Other ranks wait where they are needed next, save where each has only a part of the model.
        if not setup.prompts or not (self.group.is_first or setup.is_parted):
            return
        parted_over = self.group if setup.is_parted else None
        name = f"Writing sample answers {_STAGES[stage]}"
        yield Phase(name)
        setup.model.eval()
        samples: list[Sample] = []
        for i, prompt in enumerate(setup.prompts):
            if skips(setup.stop):
                return
            if i:
                yield Phase(name, f"{i} of {len(setup.prompts)}", i / len(setup.prompts))
            tokens, length = prompt.tokens, self.run.train.sample_tokens
            text, cut = answer_tokens(setup.model, setup.tokenizer, tokens, length, parted_over)
            samples.append(Sample(self.progress.step, stage, i, prompt.prompt, text, prompt.expected, cut))
            yield samples[-1]
        self._samples[stage] = samples
        self._score_samples(stage)

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
            metrics_before=progress.metrics_before | self._sample_scores.get("before", {}) | losses[0],
            metrics_after=metrics_after | self._sample_scores.get("after", {}) | losses[1],
            forgetting=describe(compared),
        )
        caveat = find_caveat(
            finished,
            self._samples.get("before", []),
            self._samples.get("after", []),
            self.setup.resolved.model.parameters,
            is_text_loss=_is_text_loss(self.run.spec),
        )
        finished = dataclasses.replace(finished, caveat=caveat)
        sentence = verdict(self.run, finished, self._training_metrics())
        finished = dataclasses.replace(finished, message=sentence)
        yield from self.recovery.take_notes()
        told = (e.message if isinstance(e, Warned) else describe_resumed(e) for e in self.folder.events())
        notes = [sentence for sentence in told if sentence]
        if facts := self.setup.resolved.ranks:
            ranks = measured(facts, list(self.folder.events()))
            self.setup.resolved = dataclasses.replace(self.setup.resolved, ranks=ranks)
            self.setup.write_resolved()
        self.folder.write(REPORT, report.page(self.run, self.setup.resolved_json, finished, notes, general=general))
        self.group.broadcast(to_json(finished))
        yield finished

    def _measure_until_stopped(self, when: str = "") -> Generator[Event, None, _HeldOutResult]:
        """The same as _measure(). Raises SamplingStopped when the run is asked to stop meanwhile."""
        try:
            return (yield from self._measure(self.setup.stop.is_set, when))
        except SamplingStopped:
            self._was_stopped = True
            raise

    def _measure(self, is_over: Callable[[], bool], when: str = "") -> Generator[Event, None, _HeldOutResult]:
        """Loss and metrics over all held-out rows, weighted as training is, and meanwhile how many rows are measured.

        Raises SamplingStopped once `is_over` says so. `when` says at which time of the run this is.
        """
        setup, train_step = self.setup, self.train_step
        name = f"Validating {when}".rstrip()
        yield Phase(name, f"{setup.eval_rows} rows")
        if setup.rollouts is not None:  # the share that is not solved stands for the loss
            metrics, answer_tokens = setup.rollouts.evaluate()
            yield from (Warned(code, sentence) for code, sentence in setup.rollouts.take_notes())
            return _HeldOutResult(1 - metrics["solved"] if "solved" in metrics else None, answer_tokens, metrics)
        setup.model.eval()
        mx.eval(setup.model.trainable_parameters())  # an optimizer step leaves them unevaluated
        sums, measured, told = StepSums(), 0, time.monotonic()
        with setup.forward_passes.computing(VALIDATION) if setup.forward_passes else nullcontext():
            for batch, (batch_loss, metrics) in self._losses(is_over):
                sums.add(float(batch_loss), metrics, train_step.weight(batch))
                sums.count([batch], train_step)
                measured += len(batch.rows)
                if measured < setup.eval_rows and time.monotonic() - told >= _TELL_SECONDS:
                    told = time.monotonic()
                    ranks = 1 if setup.is_parted else self.group.size  # each rank measures as many
                    done = min(setup.eval_rows, measured * ranks)
                    yield Phase(name, f"{done} of {setup.eval_rows} rows", done / setup.eval_rows)
        sums, measured = self._over_ranks(sums, measured)
        if measured < setup.eval_rows:
            raise SamplingStopped
        return _HeldOutResult(sums.loss / sums.weight, sums.targets, sums.means.means())

    def _over_ranks(self, sums: StepSums, measured: int) -> tuple[StepSums, int]:
        """(the sums over the held-out rows of all ranks, how many rows these are)."""
        if self.setup.is_parted:  # each has measured all of them
            self.group.barrier()
            return sums, measured
        if self.group.size == 1:
            return sums, measured
        entries = self.group.gather([sums.totals, measured])
        total = StepSums()
        for totals, _ in entries:
            total.merge(totals)
        return total, sum(rows for _, rows in entries)

    def _losses(self, is_over: Callable[[], bool]) -> Iterator[tuple[Batch, Loss]]:
        """Each held-out batch, or its parts, with its loss, until `is_over` says so; of several ranks each has some."""
        setup = self.setup
        mine = setup.eval_batches if setup.is_parted else setup.eval_batches[self.group.rank :: self.group.size]
        batches = takewhile(lambda _: not is_over(), mine)
        if setup.recovers:
            return self.recovery.losses(batches)
        parallel = 1 if setup.forward_passes else setup.parallel_batches  # a program serves one call at a time
        return map_in_order(self.train_step.loss, batches, parallel, models=setup.models)

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
                newest_loss, _, newest_metrics = yield from self._measure(
                    lambda: skips(stop), say("the newest weights")
                )
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

    def _score_samples(self, stage: str) -> None:
        """Where rows show what to prefer, an answer is not meant to be theirs word for word."""
        if self.run.spec.data not in (PAIRS, UNPAIRED):
            samples = self._samples[stage]
            self._sample_scores[stage] = answer_scores([s.answer for s in samples], [s.expected for s in samples])

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
