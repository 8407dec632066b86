"""What background work asks of those parts of the core that bring in MLX or the Hub's client. Each of these belongs on
a task's thread (app.threads.task).
"""

import json
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

from app.desktop.machine import MachineFacts
from core.events import Event, Phase

UNSUPPORTED = "unsupported"  # as core.model.families calls it


def machine_facts() -> MachineFacts:
    """What this computer is, and which device would train."""
    from core.device.machine import machine
    from core.device.select import report

    return MachineFacts(machine(), report("auto"))


def backend_report(requested: str) -> dict[str, str]:
    """{requested, used, device, reason} for a run's backend option."""
    from core.device.select import report

    return report(requested)


def fetch_data(path: str) -> Generator[Phase, None, str]:
    """A dataset's place on this computer, brought from the Hub where it is an id. Raises BadData or Unavailable."""
    from core.model import hub

    return (yield from hub.fetch_data(path))


def find_model(path: str, revision: str | None) -> Path | None:
    """The model's folder on this computer, or None when it would be downloaded. Raises BadModel."""
    from core.model import hub

    return hub.locate(path, revision)


def missing_files(folder: Path) -> list[str]:
    """What a model folder lacks. Raises BadModel."""
    from core.model import hub

    return hub.find_missing_files(folder)


def family_support(architecture: str) -> tuple[str, str]:
    """(UNSUPPORTED or another word, a sentence for people) for a model_type of config.json."""
    from core.model import families

    return families.describe_support(architecture)


def memory_estimate(run: Any, folder: Path, device: str, tokens: int, usable: int) -> tuple[str, str] | None:
    """("5 to 7 GB", what to try where that is more than `usable` bytes), or None where it cannot be told.

    As the run will take it: its batches go through the model as core.memory.plan plans.
    """

    from core.errors import BadModel
    from core.memory import estimate, plan

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        teacher = _beside(run) if run.spec.divergence else None
        about = partial(estimate.estimate_step, config, device=device, tokens=tokens, folder=folder, teacher=teacher)
        _, found, advice = plan.resolve_plan(run, tokens, device, usable, about)
    except (OSError, ValueError, KeyError, TypeError, BadModel):
        return None  # a config of an unusual build: nothing is said rather than something wrong
    return None if found is None else (found.words, advice)


def _beside(run: Any) -> Path | None:
    from core.reference.frozen_model import find_live_teacher

    return find_live_teacher(run)


def save_model(
    folder: Path, goal: Path, quantization: str, backend: str, allow_code: bool
) -> Generator[Event, None, None]:
    """A run's base and adapter as one model in a new folder. Raises UserError."""
    from core.export import fuse

    yield from fuse(folder, goal, quantization=quantization, backend_name=backend, allow_code=allow_code)


def save_for_peft(folder: Path, goal: Path) -> Generator[Event, None, None]:
    """A run's adapter in PEFT's format, in a new folder. Raises UserError."""
    from core.export import to_peft

    yield from to_peft(folder, goal)
