"""SFT: supervised fine-tuning. The model learns to write the answers it is shown."""

from dataclasses import dataclass
from typing import Any

from core.data.kinds import TEXT
from core.methods import Method


@dataclass(frozen=True)
class Options:
    """SFT has no options of its own: what is learned (answers, last answer, everything) is an option of the data."""


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """Negative log-likelihood per target token, the mean over the batch's targets (TRL's SFTTrainer).

    logps [N, T-1], zero where batch.mask is zero. A batch always has at least one target: rows
    without any are dropped, and counted, before batching.
    """
    return -logps.sum() / batch.mask.sum(), {}


SPEC = Method(
    title="SFT",
    goal="I have example questions and answers",
    summary="Show the model good answers and it learns to answer like them. Start here.",
    needs="Questions with answers, from about 50; 500 or more is better. Plain text works too.",
    cost="The lightest method: one pass forward and one back for each step.",
    paper="arXiv:2203.02155",
    data=TEXT,
    options=Options,
    loss=loss,
    learning_rate=2e-4,
    learning_rate_full=2e-5,
    decomposable=True,
)
