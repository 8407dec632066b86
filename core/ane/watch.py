"""The engine of a run, looked at after every optimizer step: is it right, is it quick, does it serve the calls?"""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

from core.ane.engine import Engine
from core.text.sentence import join, say

COMPARE_EVERY = 200  # steps between two comparisons of a chunk with MLX
SLOW = 1.5  # times the seconds of the probe
SLOW_STEPS = 50  # in a row, before it is tried again
MAX_FALLBACKS = 0.05  # share of the calls that go to MLX before that is told

Reprobe = Callable[[], float | None]  # tries a block again: its seconds, or None where it was refused


@dataclass
class EngineWatch:
    """What was seen of an engine so far."""

    engine: Engine
    probe_seconds: float  # of a block's program
    reprobe: Reprobe
    first_use: ExitStack = field(default_factory=ExitStack)  # closed once a step was taken with it
    _slow_steps: int = 0
    _was_reprobed: bool = False
    _told_fallbacks: bool = False
    _seen: tuple[float, int] = field(default=(0.0, 0))  # seconds in programs, and blocks computed, so far

    def after_step(self, step: int) -> list[str]:
        """What to tell after an optimizer step, each a sentence. Where the engine has failed, it is uninstalled."""
        notes: list[str] = []
        self.first_use.close()
        if step % COMPARE_EVERY == 0:
            self.engine.compare_next(step // COMPARE_EVERY)
        self._look_at_seconds()
        # Answers are written token by token, with a cache: that is never meant for a program.
        reasons = Counter({name: count for name, count in self.engine.fallbacks.items() if name != "cache"})
        calls, missed = self.engine.served, reasons.total()
        if missed > MAX_FALLBACKS * (calls + missed) and not self._told_fallbacks and not self.engine.failure:
            self._told_fallbacks = True
            words = join(
                (say("{reason}: {count}", reason=reason, count=count) for reason, count in reasons.most_common()), ", "
            )
            notes.append(
                say(
                    "{missed:,} of {calls:,} forward calls were computed without it ({words}).",
                    missed=missed,
                    calls=calls + missed,
                    words=words,
                )
            )
        if self.engine.failure:
            self.engine.uninstall()
            notes.append(
                say(
                    "It is switched off at step {step}, and the run goes on without it: {failure}.",
                    step=step,
                    failure=self.engine.failure,
                )
            )
        return notes

    def close(self) -> None:
        """Let go of the engine."""
        self.first_use.close()
        self.engine.close()

    def _look_at_seconds(self) -> None:
        seconds, blocks = self.engine.seconds["program"], self.engine.blocks_computed
        new_seconds, new_blocks = seconds - self._seen[0], blocks - self._seen[1]
        self._seen = seconds, blocks
        is_slow = new_blocks > 0 and new_seconds / new_blocks > SLOW * self.probe_seconds
        self._slow_steps = self._slow_steps + 1 if is_slow else 0
        if self._slow_steps < SLOW_STEPS:
            return
        self._slow_steps = 0
        again = None if self._was_reprobed else self.reprobe()
        if again is None or again > SLOW * self.probe_seconds:
            self.engine.fail(
                say(
                    "it took more than {slow} times as long as when it was tried, for {slow_steps} steps",
                    slow=SLOW,
                    slow_steps=SLOW_STEPS,
                )
            )
        self._was_reprobed = True
