"""Whether a run uses the Neural Engine: five stages, of which the first that objects decides.

host and model and job are asked before anything is loaded (`judge_early`), probe and worth with the model in memory
(`judge_loaded`). What a probe found is kept, so that a model is tried once on a machine.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import mlx.core as mx
import mlx.nn as nn

from core.adapters.layers import adapter_layers
from core.ane import timing
from core.ane.block import LINEARS, block_shape
from core.ane.feed import lora_layers
from core.ane.probe import probe
from core.ane.program import bucket
from core.ane.rules import judge_job, judge_model
from core.ane.verdict import ALWAYS, FASTEST, KEEP_GPU_FREE, SLOWEST, Verdict, accepted, refused
from core.ane.verdict_cache import VerdictCache, machine_key, verdict_key
from core.device.neural_engine import EXPERIMENTAL, Host, host_refusal
from core.run import Run

Probe = Callable[[nn.Module, int], tuple[Verdict | None, dict[str, Any]]]  # of a block at a length: core.ane.probe
Seconds = Callable[
    [nn.Module, int], tuple[float, float]
]  # (tapped gradient on the CPU, whole block without the engine)


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


def _judge_host(host: Host | None) -> Verdict | None:
    refusal = host_refusal(host or Host.this_one())
    return refused(refusal[0], f"{refusal[1][0].upper()}{refusal[1][1:]}.") if refusal else None


def foresee(run: Run, config: Mapping[str, Any] | None, host: Host | None = None) -> tuple[bool, str]:
    """(whether a run may use the Neural Engine, what a person should know of it) before anything is loaded or tried.

    `config` is None where the model is not here yet.
    """
    verdict = _judge_host(host) or (judge_model(config) if config else None) or judge_job(run)
    if verdict:
        return False, f"Not used. {verdict.reason}"
    choice = {
        FASTEST: "where it is no slower than the GPU",
        KEEP_GPU_FREE: "where it takes no more than three times as long as the GPU",
        ALWAYS: "wherever Core ML places it there",
    }[preference(run)]
    return True, f"The model is tried there before the first step, and used {choice}. It is {EXPERIMENTAL}."


def measure_seconds(block: nn.Module, length: int) -> tuple[float, float]:
    """See Seconds; without the engine on the GPU, or on the CPU where there is none."""
    on_gpu = mx.metal.is_available() or mx.cuda.is_available()
    whole = timing.block_seconds(block, length, mx.Device(mx.gpu if on_gpu else mx.cpu))
    return timing.tapped_seconds(block, length), whole


@dataclass(frozen=True)
class Trial:
    """How a loaded model is tried; the parts are replaced in tests."""

    probe: Probe = probe
    seconds: Seconds = measure_seconds
    cache: VerdictCache | None = None  # None: the usual file

    def judge(self, model: nn.Module, longest: int, source: Any, choice: str, *, again: bool = False) -> Verdict:
        """Whether a model with its adapter attached is computed there.

        Arguments:
            longest: tokens of the longest text.
            source: what the model's weights follow from: names, sizes and times of its files.
            choice: a preference of core.ane.verdict.
            again: try it although it was tried before.
        """
        misplaced = [name for name in adapter_layers(model) if name.rpartition(".")[2] not in _attributes()]
        block, length = model.layers[-1], bucket(longest)
        if misplaced or len(adapter_layers(model)) != len(lora_layers(model.layers)):
            where = misplaced[0] if misplaced else "some layers"
            return refused("adapter", f"The adapter on {where} is not supported there; LoRA on the blocks' linears is.")
        if length is None:
            return refused("seq", f"The longest text has {longest:,} tokens, which is more than a program takes.")
        cache = self.cache or VerdictCache()
        key = verdict_key(source, length, block_shape(block).ranks, machine_key())
        found = None if again else cache.get(key)
        if found is None:
            cache.begin(key)
            objection, facts = self.probe(block, length)
            if objection is None:
                facts["gradient_seconds"], facts["seconds_without"] = self.seconds(block, length)
            found = objection, facts
            cache.put(key, *found)
        objection, facts = found
        facts = facts | {"length": length, "key": key}
        return objection or judge_worth(facts, choice)

    def first_use(self, verdict: Verdict) -> AbstractContextManager[None]:
        """See VerdictCache; for a verdict that judge() gave."""
        return (self.cache or VerdictCache()).first_use(verdict.facts["key"])


def judge_worth(facts: dict[str, Any], choice: str) -> Verdict:
    """Whether it is quick enough: a block with the engine against a block without, for a preference."""
    ratio = (facts["seconds"] + facts["gradient_seconds"]) / facts["seconds_without"]
    facts = facts | {"ratio": ratio}
    if ratio > SLOWEST[choice]:
        limit = "" if SLOWEST[choice] == 1 else f"; up to {SLOWEST[choice]:g} times is accepted"
        return refused("slower", f"With it a step would take {ratio:.1f} times as long as without{limit}.", **facts)
    return accepted(facts)


def _attributes() -> set[str]:
    return {attribute for _, attribute in LINEARS.values()}
