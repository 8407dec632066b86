"""Answers of the model in training to the fixed prompts, and how many of them are as expected."""

from collections.abc import Iterator

from core.data.kinds import PAIRS, UNPAIRED
from core.events import Event, Phase, Sample
from core.model.generate import answer_tokens
from core.stop_request import skips
from core.text.sentence import say
from core.training.result_metrics import answer_scores
from core.training.setup import Setup

_STAGES = {"before": say("before training"), "during": say("on the way"), "after": say("after training")}


class SampleAnswers:
    """Writes the sample answers of a run. A stage is "before", "during" or "after"."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._newest: dict[str, list[Sample]] = {}  # by stage
        self._scores: dict[str, dict[str, float]] = {}

    def of(self, stage: str) -> list[Sample]:
        """The newest answers of a stage; empty where none were written."""
        return self._newest.get(stage, [])

    def scores(self, stage: str) -> dict[str, float]:
        """How many of these are as expected, by metric; empty where the rows do not say."""
        return self._scores.get(stage, {})

    def recall(self, events: Iterator[Event]) -> None:
        """Take the answers from before training out of a run's log, and score them again."""
        samples = [e for e in events if isinstance(e, Sample) and e.stage == "before"]
        self._keep("before", [e for e in samples if e.step == samples[-1].step])  # asked anew with other held-out rows

    def write(self, stage: str, step: int) -> Iterator[Event]:
        """Answer all prompts, unless a stop request skips the rest; then the answers before stay the newest."""
        setup, group = self.setup, self.setup.group
        # Other ranks wait where they are needed next, save where each has only a part of the model.
        if not setup.prompts or not (group.is_first or setup.is_parted):
            return
        parted_over = group if setup.is_parted else None
        name = f"Writing sample answers {_STAGES[stage]}"
        yield Phase(name)
        setup.model.eval()
        samples: list[Sample] = []
        for i, prompt in enumerate(setup.prompts):
            if skips(setup.stop):
                return
            if i:
                yield Phase(name, f"{i} of {len(setup.prompts)}", i / len(setup.prompts))
            length = setup.run.train.sample_tokens
            text, cut = answer_tokens(setup.model, setup.tokenizer, prompt.tokens, length, parted_over)
            samples.append(Sample(step, stage, i, prompt.prompt, text, prompt.expected, cut))
            yield samples[-1]
        self._keep(stage, samples)

    def _keep(self, stage: str, samples: list[Sample]) -> None:
        self._newest[stage] = samples
        if self.setup.run.spec.data not in (PAIRS, UNPAIRED):  # there rows show what to prefer, not what to say
            self._scores[stage] = answer_scores([s.answer for s in samples], [s.expected for s in samples])
