"""Whether a run uses the Neural Engine: five stages, of which the first that objects decides.

host and model and job are asked before anything is loaded (`judge_early`), probe and worth with the model in memory
(`judge_loaded`). What a probe found is kept, so that a model is tried once on a machine.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import mlx.nn as nn

from core.adapters.layers import adapter_layers
from core.adapters.saved_module import saved_modules
from core.ane.block import LINEARS, block_shape
from core.ane.feed import lora_layers
from core.ane.probe import probe
from core.ane.program import bucket
from core.ane.rules import judge_forward_job, judge_job, judge_model
from core.ane.timing import PartSeconds, part_seconds
from core.ane.verdict import ALWAYS, FASTEST, KEEP_GPU_FREE, Verdict, refused
from core.ane.verdict_cache import VerdictCache, machine_key, verdict_key
from core.ane.worth import StepShape, Work, judge_forward, judge_step
from core.device.neural_engine import EXPERIMENTAL, Host, host_refusal
from core.model.lm_head import LMHead
from core.run import Run
from core.text.sentence import capitalize, say

MOST_ROWS = 4  # texts at once that are timed without the engine

Probe = Callable[[nn.Module, int], tuple[Verdict | None, dict[str, Any]]]  # of a block at a length: core.ane.probe
Seconds = Callable[[nn.Module, LMHead | None, int, int], PartSeconds]  # of a block, the head, a length, texts at once


def preference(run: Run) -> str:
    """How much slower than the GPU a run may be with the Neural Engine: as set, and any where it was asked for."""
    return ALWAYS if run.backend == "ane" else run.neural_engine


def judge_early(run: Run, config: Mapping[str, Any], longest: int | None, host: Host | None = None) -> Verdict | None:
    """Why a run does not use the Neural Engine, as far as can be told before its model is loaded; else None.

    Arguments:
        config: of the model, from config.json.
        longest: tokens of the longest text, where they are known.
        host: another machine than this one.
    """
    return _judge_host(host) or judge_model(config) or judge_job(run, longest)


def judge_forward_early(
    run: Run, config: Mapping[str, Any], longest: int | None, host: Host | None = None
) -> Verdict | None:
    """The same for passes without a gradient alone, where a run's steps are not computed there."""
    return _judge_host(host) or judge_model(config) or judge_forward_job(run, longest)


def _judge_host(host: Host | None) -> Verdict | None:
    refusal = host_refusal(host or Host.this_one())
    return refused(refusal[0], capitalize(refusal[1]) + ".") if refusal else None


def foresee(run: Run, config: Mapping[str, Any] | None, host: Host | None = None) -> tuple[bool, str]:
    """(whether a run may use the Neural Engine, what a person should know of it) before anything is loaded or tried.

    `config` is None where the model is not here yet.
    """
    verdict = _judge_host(host) or (judge_model(config) if config else None) or judge_forward_job(run)
    if verdict:
        return False, say("Not used. {reason}", reason=verdict.reason)
    passes = say("validation and the reference's log-probabilities") if run.spec.reference else say("validation")
    if steps := judge_job(run):
        rest = say(
            "Of {passes} it may compute the forward pass, where that is quicker. It is {experimental}.",
            passes=passes,
            experimental=EXPERIMENTAL,
        )
        return False, say("Not used for the steps. {reason} {rest}", reason=steps.reason, rest=rest)
    choice = {
        FASTEST: say("where it is no slower than the GPU"),
        KEEP_GPU_FREE: say("where it takes no more than three times as long as the GPU"),
        ALWAYS: say("wherever Core ML places it there"),
    }[preference(run)]
    parts = say(
        "for the forward pass of each step, with gradients, head and loss on the CPU; else for {passes} alone",
        passes=passes,
    )
    return True, (
        say(
            "The model is tried there before the first step. It is used {choice} {parts}, where that is "
            "quicker. It is {experimental}.",
            choice=choice,
            parts=parts,
            experimental=EXPERIMENTAL,
        )
    )


@dataclass(frozen=True)
class Tried:
    """What came of trying a model."""

    objection: Verdict | None  # why it is not computed there; None where it can be
    facts: dict[str, Any]
    shape: StepShape

    def judge_step(self, choice: str) -> Verdict:
        """Whether steps are computed there, for a preference of core.ane.verdict."""
        return self.objection or judge_step(self.facts, choice, self.shape)

    def judge_forward(self, choice: str, unlearned: int) -> Verdict:
        """Whether so many texts that need no gradient are computed there, while another device trains."""
        return self.objection or judge_forward(self.facts, choice, self.shape, unlearned)


@dataclass(frozen=True)
class Trial:
    """How a loaded model is tried; the parts are replaced in tests."""

    probe: Probe = probe
    seconds: Seconds = part_seconds
    cache: VerdictCache | None = None  # None: the usual file

    def judge(self, model: nn.Module, lm_head: LMHead | None, work: Work, source: Any, *, again: bool = False) -> Tried:
        """Try a model with its adapter attached, or recall what came of it before.

        Arguments:
            source: what the model's weights follow from: names, sizes and times of its files.
            again: try it although it was tried before.
        """
        misplaced = [name for name in adapter_layers(model) if name.rpartition(".")[2] not in _attributes()]
        misplaced += saved_modules(model)  # held whole: a program's own weights do not change
        adapted = lora_layers(model.layers)
        block, length, rows = model.layers[-1], bucket(work.longest), min(MOST_ROWS, work.rows)
        first = min((index for index, _, _ in adapted), default=0)
        shape = StepShape(len(model.layers), len(model.layers) - first, work.mean / (length or work.longest))
        if misplaced or len(adapter_layers(model)) != len(adapted):
            where = misplaced[0] if misplaced else say("some layers")
            reason = say("The adapter on {where} is not supported there; LoRA on the blocks' linears is.", where=where)
            return Tried(refused("adapter", reason), {}, shape)
        if length is None:
            reason = say(
                "The longest text has {longest:,} tokens, which is more than a program takes.", longest=work.longest
            )
            return Tried(refused("seq", reason), {}, shape)
        cache = self.cache or VerdictCache()
        key = verdict_key([source, rows], length, block_shape(block).ranks, machine_key())
        found = None if again else cache.get(key)
        if found is None:
            cache.begin(key)
            objection, facts = self.probe(block, length)
            if objection is None:
                facts |= self.seconds(block, lm_head, length, rows).to_json()
            found = objection, facts
            cache.put(key, *found)
        objection, facts = found
        return Tried(objection, facts | {"length": length, "key": key}, shape)

    def first_use(self, verdict: Verdict) -> AbstractContextManager[None]:
        """See VerdictCache; for a verdict on a model that judge() tried."""
        return (self.cache or VerdictCache()).first_use(verdict.facts["key"])


def _attributes() -> set[str]:
    return {attribute for _, attribute in LINEARS.values()}
