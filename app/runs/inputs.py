"""The models and data of the runs on disk, from their run.toml alone. No Qt; belongs on a task's thread."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.runs.notes import read_notes

_MOST = 5000  # runs that are looked at


@dataclass(frozen=True)
class RunInputs:
    """What a run learned from, as its run.toml names it."""

    folder: Path
    model: str
    data: str
    method: str
    start_time: float
    name: str = ""  # that a person gave it, or its folder's


def read_run_inputs(runs: Path) -> list[RunInputs]:
    """The inputs of every run below a folder, the newest first; runs that cannot be read are left out."""
    inputs = []
    try:
        folders = [folder for folder in runs.iterdir() if folder.is_dir()]
    except OSError:
        return []
    for folder in folders[:_MOST]:
        path = folder / "run.toml"
        try:
            values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
            start_time = path.stat().st_mtime
        except (OSError, ValueError):
            continue
        model, data = values.get("model"), values.get("data")
        inputs.append(
            RunInputs(
                folder,
                str(model.get("path", "")) if isinstance(model, dict) else "",
                str(data.get("path", "")) if isinstance(data, dict) else "",
                str(values.get("method", "")),
                start_time,
                read_notes(folder)[0].name or folder.name,
            )
        )
    return sorted(inputs, key=lambda item: -item.start_time)
