"""Calls of background work into those parts of the core that import MLX or the client of the Hugging Face Hub.

Each of these functions belongs on a task's thread (app.threads.task).
"""

import json
import threading
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.desktop.language import tr
from app.desktop.machine import MachineFacts
from core.events import Event, Phase
from core.run import Run, runs_folder

if TYPE_CHECKING:  # brings in MLX
    from core.training.measure import Measured

UNSUPPORTED = "unsupported"  # as core.model.families calls it


def machine_facts() -> MachineFacts:
    """This computer's processor, memory and GPU, and the device that would train."""
    from core.device.machine import machine
    from core.device.select import report
    from core.device.surroundings import describe_surroundings

    return MachineFacts(machine(), report("auto"), describe_surroundings(runs_folder()))


def backend_report(requested: str) -> dict[str, str]:
    """{requested, used, device, reason} of the backend that a run's option `backend` leads to."""
    from core.device.select import report

    return report(requested)


def neural_engine_report(run: Run, folder: Path | None) -> tuple[bool, str]:
    """(whether a run may use the Neural Engine, what a person should know of it); `folder` is its model's, if here."""
    from core.ane.selection import foresee
    from core.errors import BadModel
    from core.model.check_folder import read_config

    try:
        config = read_config(folder) if folder else None
    except BadModel:  # which the check of the model tells
        config = None
    return foresee(run, config)


def process_memory() -> int:
    """Bytes that this process holds."""
    from core.device.process_memory import read_process_memory

    return read_process_memory()


def power_state() -> tuple[bool | None, list[str]]:
    """(whether the computer runs on its battery, None where that is not known; what a person should know of it)."""
    from core.device.power import read_power

    power = read_power()
    return power.on_battery, power.sentences


def fetch_data(path: str) -> Generator[Phase, None, str]:
    """The path of a dataset on this computer, downloaded from the Hub where `path` is an id.

    Yields the phases of the download. Raises BadData or Unavailable.
    """
    from core.model import hub

    return (yield from hub.fetch_data(path))


def find_model(path: str, revision: str | None) -> Path | None:
    """The model's folder on this computer, or None where it would have to be downloaded. Raises BadModel."""
    from core.model import hub

    return hub.locate(path, revision)


def adapter_base(folder: Path) -> str:
    """The base model, on this computer, of an adapter that may come from elsewhere; "" where it names none.

    Raises BadModel for a folder without an adapter, and where the base would have to be downloaded.
    """
    from core.chat import read_base_model
    from core.errors import BadModel
    from core.model import hub

    name = read_base_model(folder)
    if name is None:
        return ""
    model = hub.find_moved(name, folder)
    if hub.locate(model) is None:
        raise BadModel(
            tr(
                "The adapter in {folder} belongs to {name}, which is not on this computer: choose that model in New "
                "run first, which downloads it.",
                folder=folder,
                name=name,
            )
        )
    return model


def check_model_folder(folder: Path) -> None:
    """Raises BadModel for a model folder in which a file is missing, cut off, broken, or not as config.json says."""
    from core.data.tokenize.tokenizer import check_tokenizer_files
    from core.model.check_folder import check_weights, read_config

    check_weights(folder, read_config(folder))
    check_tokenizer_files(folder)


def tied_head_note(folder: Path) -> str:
    """A sentence where a model comes with an output layer that is not used, and that differs from what is; else "".

    Raises BadModel.
    """
    from core.model import tied_head

    return tied_head.tied_head_note(folder)


def family_support(architecture: str) -> tuple[str, str]:
    """(UNSUPPORTED or another level of support, a sentence for people) for a model_type of config.json."""
    from core.model import families

    return families.describe_support(architecture)


def remote_model(path: str, revision: str | None) -> tuple[int, dict[str, Any]]:
    """(bytes to download, config.json) of a model that is only on the Hub. Raises BadModel or Unavailable."""
    from core.model import remote

    found = remote.ask_hub(path, revision)
    return found.download_bytes, found.config


def measure_steps(run: Run, stop: threading.Event) -> Generator[Event, None, "Measured"]:
    """Take a few steps of a run and keep nothing of them; `stop` ends it. Raises UserError."""
    from core.training.measure import measure

    return (yield from measure(run, stop))


def memory_estimate(
    run: Run, folder: Path | None, device: str, tokens: int, usable: int, config: dict[str, Any] | None = None
) -> tuple[str, str, int] | None:
    """The memory that a step of a run takes, under the plan that core.memory.plan makes for the run.

    `tokens` is the length of the longest row, `usable` the memory in bytes. Returns ("5 to 7 GB", what to try where
    that is more than `usable`, the middle in bytes), or None for a config of an unusual build: no estimate rather than
    a wrong one. Without a folder the model's weights are counted by its `config`.
    """
    from core.errors import BadModel
    from core.memory import estimate, plan

    try:
        if folder is not None:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        teacher = _find_teacher(run) if run.spec.divergence else None
        estimate_run = partial(
            estimate.estimate_step, config or {}, device=device, tokens=tokens, folder=folder, teacher=teacher
        )
        _, memory, advice = plan.resolve_plan(run, tokens, device, usable, estimate_run)
    except (OSError, ValueError, KeyError, TypeError, BadModel):
        return None
    return None if memory is None else (memory.words, advice, memory.total)


def _find_teacher(run: Run) -> Path | None:
    """The folder of the teacher that is loaded beside the model, or None where there is none."""
    from core.reference.frozen_model import find_live_teacher

    return find_live_teacher(run)
