"""When a run measures what its model makes of general text: once before training and once after it."""

from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass

import mlx.core as mx

from core.events import Event, Phase
from core.model.lm_head import LMHead, find_lm_head
from core.stop_request import skips
from core.text.sentence import say
from core.training import forgetting
from core.training.forgetting import General, Record
from core.training.general_text import answer_questions, general_questions, measure_losses
from core.training.setup import Setup


@dataclass
class GeneralMeasure:
    """Measures a run's model, and keeps what it found in the run's folder: a resumed run compares with that."""

    setup: Setup

    def measure_before(self, is_fresh: bool) -> Iterator[Event]:
        """Measure the model as it is; nothing where that was done, is not asked for, or the run is asked to stop.

        `is_fresh` says that the run does not go on from a checkpoint: what an earlier start left counts no more.
        """
        setup = self.setup
        if not setup.group.is_first:
            return
        file = setup.folder.path / forgetting.FILE
        if is_fresh:
            file.unlink(missing_ok=True)
        if not setup.measures_general or file.exists():
            return
        general = yield from self._measure(say("before training"))
        if general:
            record = Record(general_questions(), len(setup.tokenizer), general)
            setup.folder.write(forgetting.FILE, record.to_json())

    def measure_after(self) -> Generator[Event, None, Record | None]:
        """Measure the weights that are kept; the generator's value is both measurements, None where there is no
        first one, or nobody wants to wait for the second."""
        setup = self.setup
        record = forgetting.read(setup.folder.path) if setup.measures_general else None
        if record is None or skips(setup.stop):
            return None
        mx.clear_cache()  # what validations and answers have kept is larger than these few texts need
        known = forgetting.known_texts(record.before.losses, record.vocabulary)  # the others say nothing
        record.after = yield from self._measure(say("after training"), known)
        if record.after is None:
            return None
        setup.folder.write(forgetting.FILE, record.to_json())
        return record

    def _measure(self, when: str, only: Collection[int] | None = None) -> Generator[Event, None, General | None]:
        """Losses and answers; None where the run is asked to stop meanwhile."""
        setup = self.setup
        yield Phase(f"Measuring general text {when}")
        mx.eval(setup.model.trainable_parameters())  # an optimizer step leaves them unevaluated

        def is_over() -> bool:
            return skips(setup.stop) if when == say("after training") else setup.stop.is_set()

        losses = measure_losses(setup.model, setup.tokenizer, self._head, is_over, only)
        answers = answer_questions(setup.model, setup.tokenizer, setup.dtype, is_over) if losses else []
        return General(losses, answers) if answers else None

    @property
    def _head(self) -> LMHead | None:
        """The run's own head, unless that has a temperature."""
        if self.setup.run.spec.on_policy and self.setup.run.options.temperature != 1.0:
            return find_lm_head(self.setup.model, self.setup.dtype)[0]
        return self.setup.lm_head
