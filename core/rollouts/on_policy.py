"""On-policy completions for a teacher: in a share of the steps, the student completes the prompts of the data itself.

On-policy distillation (Agarwal et al., arXiv:2306.13649, GKD): a student that was only trained on the answers of the
data does not know how to go on after a mistake of its own.
"""

import time
from collections.abc import Container
from dataclasses import dataclass, replace

import mlx.core as mx
import numpy as np

from core.data.batch.batches import Batch, Batches
from core.data.tokenize.encode import Encoded
from core.distributed.group import Group
from core.methods import OWN_ANSWERS
from core.rollouts.batch_generate import Completion, CompletionGenerator
from core.rollouts.sampling import SamplingParams


def prompt_length(row: Encoded) -> int:
    """How many tokens stand before a row's last answer; 0 where the whole row is learned and there is no prompt."""
    (starts,) = np.nonzero(np.diff(row.mask, prepend=np.int8(0)) > 0)
    return int(starts[-1]) if len(starts) and starts[-1] > 1 else 0


@dataclass(frozen=True)
class OnPolicyConfig:
    """When and how the student writes answers of its own."""

    params: SamplingParams
    share: float  # of the steps in which it does
    max_length: int  # tokens of prompt and completion together; what is longer is cut off


class OnPolicyBatches:
    """The batches of a dataset, in some steps with completions that the model has just sampled for the rows' prompts.

    The choice of these steps and the random numbers of the completions follow from the seed and the step alone, the
    rest from the model's weights: a resumed run samples what the unbroken run would. Rows without a prompt stay as
    they are.
    """

    def __init__(
        self, batches: Batches, generator: CompletionGenerator, config: OnPolicyConfig, group: Group | None = None
    ) -> None:
        self.batches, self.generator, self.config = batches, generator, config
        self.group = group or Group()  # the ranks that the rows are spread over
        self.steps_per_epoch = batches.steps_per_epoch
        self._metrics: dict[str, float] = {}

    def is_on_policy(self, step: int) -> bool:
        """Whether the model writes the answers of a step itself."""
        return bool(np.random.default_rng([self.batches.seed, step, 1]).random() < self.config.share)

    def window(self, step: int) -> list[Batch]:
        """The batches of optimizer step `step`, counted from 1.

        Raises SamplingStopped between two tokens when the run is asked to stop.
        """
        self._metrics = {}
        if not self.is_on_policy(step):
            return self.batches.window(step)
        rows = {i: self.batches.rows[i] for indices in self.batches.row_indices(step) for i in indices}
        mine = {i for part in self.batches.parts(step) for i in part.mine}
        batches = self.batches.window(step, rows | self._complete_rows(step, rows, mine))
        return [replace(b, extra={**b.extra, OWN_ANSWERS: np.ones(len(b.rows), np.float32)}) for b in batches]

    def metrics(self) -> dict[str, float]:
        """Metrics of the completions in the last window; {} where it has none."""
        return self._metrics

    def _complete_rows(self, step: int, rows: dict[int, Encoded], mine: Container[int]) -> dict[int, Encoded]:
        """Those of this rank's rows that have a prompt, each with a completion by the model in place of its answer."""
        start = time.perf_counter()
        indices = [i for i, row in rows.items() if prompt_length(row)]
        prompts = [rows[i].tokens[: prompt_length(rows[i])].tolist() for i in indices]
        model = self.generator.model
        was_training = model.training
        model.eval()  # without dropout
        only = [n for n, i in enumerate(indices) if i in mine]
        completions = self.generator.generate(prompts, self.config.params, seed=[self.batches.seed, step], only=only)
        model.train(was_training)
        mx.clear_cache()
        written = [
            entry for rank in self.group.gather([(len(c.tokens), c.truncated) for c in completions]) for entry in rank
        ]
        if written:
            self._metrics = {
                "answer_length": float(np.mean([tokens for tokens, _ in written])),
                "cut_off": float(np.mean([truncated for _, truncated in written])),
                "sampling_seconds": time.perf_counter() - start,
            }
        completed = {}
        for completion in completions:
            i = indices[completion.prompt_index]
            completed[i] = self._encode(rows[i], prompts[completion.prompt_index], completion)
        return completed

    def _encode(self, row: Encoded, prompt: list[int], completion: Completion) -> Encoded:
        """A prompt with its completion, cut off at the maximum length."""
        max_length = self.config.max_length
        tokens = np.array([*prompt, *completion.tokens][:max_length], np.int32)
        mask = np.zeros(len(tokens), np.int8)
        mask[len(prompt) :] = 1
        return Encoded(row.line, tokens, mask, max(0, len(prompt) + len(completion.tokens) - max_length))
