"""What was decided about the Neural Engine, and why: the first stage that objects decides. Plain values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.text.sentence import say

FASTEST, KEEP_GPU_FREE, ALWAYS = "fastest", "gpu-free", "always"
SLOWEST = {FASTEST: 1.0, KEEP_GPU_FREE: 3.0, ALWAYS: float("inf")}  # times the GPU's step that are accepted

CODES = {
    "host": ("os", "no_coremltools", "no_coreml", "no_ane"),
    "model": ("arch", "layers", "rope", "dims"),
    "job": ("adapter", "seq", "trainer", "memory"),
    "probe": ("timeout", "crash", "compile", "placement", "idle", "numerics"),
    "worth": ("slower",),
    "run": ("runtime",),
}  # the codes of each stage, in the order in which the stages are asked
STAGES = {code: stage for stage, codes in CODES.items() for code in codes}


@dataclass(frozen=True)
class Verdict:
    """Whether the Neural Engine is used, and in a sentence why (not)."""

    used: bool
    code: str  # in CODES; "" where it is used
    reason: str  # a sentence with its full stop
    facts: dict[str, Any] = field(default_factory=dict)  # of the probe: planned share, error, seconds

    @property
    def stage(self) -> str:
        """The stage that decided; "" where it is used."""
        return STAGES.get(self.code, "")

    @property
    def line(self) -> str:
        """What is used for which part, in a line."""
        return self.reason if self.used else say("Neural Engine: not used. {reason}", reason=self.reason)

    def to_json(self) -> dict[str, Any]:
        """For resolved.json and `hone doctor --ane`."""
        return asdict(self) | {"stage": self.stage}


def refused(code: str, reason: str, **facts: Any) -> Verdict:
    """The Neural Engine is not used."""
    assert code in STAGES, code
    return Verdict(False, code, reason, facts)


def accepted(facts: dict[str, Any]) -> Verdict:
    """It is used, with what the probe found. "Planned" because nothing says where Core ML really computes."""
    return Verdict(
        True, "", say("Forward pass: Core ML, {planned}; gradients, head and loss: CPU.", planned=planned(facts)), facts
    )


def accepted_forward(facts: dict[str, Any]) -> Verdict:
    """It is used for passes without a gradient alone, with what the probe found."""
    return Verdict(True, "", say("Core ML, {planned}.", planned=planned(facts)), facts)


def planned(facts: Mapping[str, Any]) -> str:
    """Where Core ML plans to compute a program."""
    return say("planned {planned_share:.0%} on the Neural Engine", planned_share=facts["planned_share"])
