"""Passes without a gradient that programs compute while another device trains: a reference's, and validation's.

The engine is in the place of the blocks only while such a pass goes on. Embeddings, the head and all steps stay where
the model is. Where a program fails, the pass is finished in MLX, and what follows is computed without the engine.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from core.ane.engine import Engine
from core.text.sentence import join_and, say

REFERENCE, VALIDATION = say("reference"), say("validation")


@dataclass
class ForwardPasses:
    """The engine of a run that computes its passes without a gradient."""

    engine: Engine
    parts: tuple[str, ...]  # of REFERENCE and VALIDATION
    first_use: ExitStack = field(default_factory=ExitStack)  # closed once a pass was computed
    passes: int = 0

    def serves(self, part: str) -> bool:
        """Whether it computes a part of the run."""
        return part in self.parts and not self.engine.failure

    @contextmanager
    def computing(self, part: str) -> Iterator[None]:
        """Within it the programs compute the model's blocks, if they serve this part. One chunk is compared with MLX
        in each pass, another one each time."""
        if not self.serves(part):
            yield
            return
        self.engine.install()
        self.engine.compare_next(self.passes)
        self.passes += 1
        try:
            yield
        finally:
            self.engine.uninstall()
            self.first_use.close()

    def after_step(self, step: int) -> list[str]:
        """What to tell after an optimizer step, each a sentence: that it has failed."""
        if not self.engine.failure:
            return []
        parts = join_and(list(self.parts))
        return [
            say(
                "At step {step} it is switched off for {parts}: {failure}.",
                step=step,
                parts=parts,
                failure=self.engine.failure,
            )
        ]

    def close(self) -> None:
        """Let go of the engine."""
        self.first_use.close()
        self.engine.close()
