"""A method that is not in core/methods: written into a folder of its own, and found as if it lay there."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import methods

NAME = "focal"
SOURCE = '''
"""Focal: SFT whose loss counts a token the less, the more certain of it the model already is (arXiv:1708.02002)."""

from dataclasses import dataclass
from typing import Any

from core.data.kinds import TEXT
from core.methods import COUNT, SHARE, ChartSpec, Criterion, GoalGroup, Method, Metric
from core.options import option


@dataclass(frozen=True)
class Options:
    """Options of Focal."""

    gamma: float = option(2.0, "How fast certain tokens lose their weight.", low=0.0, high=10.0, label="Focusing")


def loss(logps: Any, ref: Any, batch: Any, o: Options) -> tuple[Any, dict[str, Any]]:
    """Mean of -(1 - p)^gamma log p over the targets."""
    import mlx.core as mx

    probability, count = mx.exp(logps), batch.mask.sum()
    certain = ((probability > 0.5) * batch.mask).sum()
    value = -((1 - probability) ** o.gamma * logps * batch.mask).sum() / count
    return value, {"certain": (certain, count), "targets": count}


SPEC = Method(
    title="Focal",
    goal="I have examples of which some are easy",
    summary="Learns most from the words that it does not know yet. It skips the rest.",
    needs="Questions with answers, from about 50.",
    cost="As SFT.",
    paper="arXiv:1708.02002",
    group=GoalGroup("Experiments", "You want to try something new."),
    data=TEXT,
    options=Options,
    loss=loss,
    learning_rate=2e-4,
    learning_rate_full=2e-5,
    charts=(
        ChartSpec(
            "certainty",
            "Certainty",
            "The share of words that the model is certain of. It should rise.",
            (Metric("certain", "certain words", SHARE, "Words it is certain of"),),
        ),
        ChartSpec("size", "Size", "How many words a step has.", (Metric("targets", "words", COUNT),)),
    ),
    criteria=(Criterion("certain", "is certain of {change} of the words in {rows} unseen rows", "certain"),),
    describe_progress=lambda trends: f"Certain of {trends['certain'].latest:.0%}." if "certain" in trends else "",
    shortcuts={"focal_gamma": {"value": "gamma"}},
)
'''


def forget() -> None:
    """Look for the methods' files again."""
    methods.names.cache_clear()
    methods.find.cache_clear()


@contextmanager
def new_method(folder: Path) -> Iterator[methods.Method]:
    """Writes the method's file into `folder`, which Hone searches as well until the end of the `with` block."""
    (folder / f"{NAME}.py").write_text(SOURCE, encoding="utf-8")
    module, search_path = f"{methods.__name__}.{NAME}", list(methods.__path__)
    methods.__path__.append(str(folder))
    importlib.invalidate_caches()
    forget()
    try:
        yield methods.load()[NAME]
    finally:
        methods.__path__[:] = search_path
        sys.modules.pop(module, None)
        if hasattr(methods, NAME):
            delattr(methods, NAME)
        forget()
