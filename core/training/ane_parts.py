"""What computes each part of a run that may use the Neural Engine: what was asked, what is used, and why."""

from collections.abc import Sequence

from core.ane.forward import REFERENCE, VALIDATION
from core.ane.verdict import ALWAYS, FASTEST, KEEP_GPU_FREE, Verdict, planned
from core.device.neural_engine import ENGINE
from core.reference.reference import BASE, INITIAL, resolve_reference
from core.resolved import EnginePart
from core.run import Run
from core.text.sentence import say

ASKED = {
    FASTEST: say("automatic, the fastest"),
    KEEP_GPU_FREE: say("automatic, to keep the GPU free"),
    ALWAYS: say("automatic, always"),
}
FORWARD_ONLY = say("A program computes forward only")


def forward_parts(run: Run, held_out_rows: int) -> tuple[str, ...]:
    """The parts of a run that go forward through its model without a gradient, if there are any."""
    own_reference = run.spec.reference and resolve_reference(run) in (BASE, INITIAL)
    return ((REFERENCE,) if own_reference else ()) + ((VALIDATION,) if held_out_rows else ())


def describe_parts(
    run: Run, device: str, steps: Verdict, forward: Verdict | None, parts: Sequence[str]
) -> list[EnginePart]:
    """A line for each part of a run that computes on a device.

    Arguments:
        steps: whether the engine computes the steps; forward: whether it computes `parts` where it does not.
        parts: see forward_parts().
    """
    asked = ENGINE if run.backend == "ane" else ASKED[run.neural_engine]
    usual = device.upper()

    def part(name: str, verdict: Verdict, elsewhere: str = usual) -> EnginePart:
        if verdict.used:
            return EnginePart(name, asked, ENGINE, say("Core ML, {planned}.", planned=planned(verdict.facts)))
        return EnginePart(name, asked, elsewhere, verdict.reason)

    beside = FORWARD_ONLY + "." if steps.used else say("The steps are computed there.")
    found = [
        part(say("forward pass"), steps),
        EnginePart(say("gradients"), asked, usual, beside),
        EnginePart(say("head and loss"), asked, usual, say("A vocabulary is wider than a program's layers may be.")),
    ]
    for name in (REFERENCE, VALIDATION):
        if name in parts:
            found.append(part(name, steps if steps.used else forward or steps))
    if run.spec.reference and REFERENCE not in parts:
        found.append(
            EnginePart(REFERENCE, asked, usual, say("Another model is not tried there, only the one in training."))
        )
    return found
