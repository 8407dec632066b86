"""The models on this computer: in the Hub's cache, in LM Studio's folders, and in folders that were used before.

Needs no MLX, and no network. A folder that cannot be read is told, and is no reason to stop.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadModel
from core.model.hub import find_snapshot
from core.model.model_facts import ModelFacts, read_model_facts
from core.model.weight_files import find_missing_files, weight_files
from core.text.sentence import say

HUB, LM_STUDIO, FOLDER = "Hugging Face", "LM Studio", "folder"
_MOST = 2000  # folders of LM Studio's that are looked at


@dataclass(frozen=True)
class LocalModel:
    """A model on this computer, and where it was found: HUB, LM_STUDIO or FOLDER."""

    facts: ModelFacts
    place: str
    folder: Path


@dataclass(frozen=True)
class LocalModels:
    """What was found; `problems` are sentences about folders that cannot be used."""

    models: tuple[LocalModel, ...]
    problems: tuple[str, ...]


def find_local_models(folders: Iterable[Path] = ()) -> LocalModels:
    """Every model on this computer, the most recently used of the Hub's first; `folders` are such as may hold a model.

    HF_HOME and HF_HUB_CACHE are honoured. A folder that is gone is passed over without a word.
    """
    models: list[LocalModel] = []
    problems: list[str] = []
    seen: set[Path] = set()
    for path, name, place, folder in _candidates(folders, problems):
        try:
            real = folder.resolve()
            has_weights = bool(weight_files(folder))
            if real in seen or not (has_weights or (folder / "config.json").is_file()):
                continue
            if place == HUB and not has_weights:
                continue  # only asked about so far
            seen.add(real)
            missing = find_missing_files(folder)
            if missing:
                raise BadModel(
                    say(
                        "{name} is not complete: {missing} is missing.",
                        name=name or folder,
                        missing=", ".join(missing[:3]),
                    )
                )
            models.append(LocalModel(read_model_facts(folder, path, name), place, folder))
        except BadModel as error:
            problems.append(str(error))
        except OSError as error:
            problems.append(say("{folder} cannot be read: {reason}.", folder=folder, reason=error))
    return LocalModels(tuple(models), tuple(problems))


@dataclass(frozen=True)
class Download:
    """What the Hub's cache holds of a model, complete or not."""

    name: str  # its id on the Hub
    folder: Path
    size: int  # bytes on the disk


def list_downloads() -> list[Download]:
    """Every model in the Hub's cache, the largest first. One whose files cannot be looked at is left out."""
    from huggingface_hub import constants

    found = []
    for repo in _children(Path(constants.HF_HUB_CACHE), []):
        if repo.name.startswith("models--"):
            with contextlib.suppress(OSError):
                files = [Path(folder, name) for folder, _, names in os.walk(repo) for name in names]
                size = sum(file.lstat().st_size for file in files)
                found.append(Download(repo.name.removeprefix("models--").replace("--", "/", 1), repo, size))
    return sorted(found, key=lambda download: -download.size)


def lm_studio_folders() -> list[Path]:
    """Where LM Studio keeps models: the folder chosen in its settings, and those it has by default."""
    home = Path.home()
    pointer = home / ".lmstudio-home-pointer"
    bases = [home / ".lmstudio", home / ".cache" / "lm-studio"]
    with contextlib.suppress(OSError, ValueError):  # most have none
        bases.insert(0, Path(pointer.read_text(encoding="utf-8").strip()))
    folders = []
    for base in bases:
        folders += [*_chosen_folder(base / "settings.json"), base / "models"]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _chosen_folder(settings: Path) -> list[Path]:
    try:
        values = json.loads(settings.read_text(encoding="utf-8"))
        return [Path(values["downloadsFolder"])] if isinstance(values["downloadsFolder"], str) else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _candidates(folders: Iterable[Path], problems: list[str]) -> Iterator[tuple[str, str, str, Path]]:
    """(model.path of a run, name, place, folder) of all that may be a model."""
    for name, folder in _cached_snapshots(problems):
        yield name, name, HUB, folder
    for base in lm_studio_folders():
        for folder in _grandchildren(base, problems):  # publisher/model
            yield str(folder), f"{folder.parent.name}/{folder.name}", LM_STUDIO, folder
    for folder in folders:
        try:
            yield str(folder), folder.name, FOLDER, find_snapshot(folder)
        except BadModel as error:
            problems.append(str(error))
        except OSError:
            continue  # gone


def _cached_snapshots(problems: list[str]) -> list[tuple[str, Path]]:
    """(id, folder) of each model in the Hub's cache, the most recently used first."""
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    found = []
    for repo in _children(cache, problems):
        if repo.name.startswith("models--") and (repo / "snapshots").is_dir():
            try:
                folder = find_snapshot(repo)
                found.append((folder.stat().st_atime, repo.name.removeprefix("models--").replace("--", "/", 1), folder))
            except (BadModel, OSError, ValueError) as error:
                problems.append(say("{repo} cannot be used: {reason}", repo=repo, reason=error))
    return [(name, folder) for _, name, folder in sorted(found, key=lambda item: -item[0])]


def _grandchildren(base: Path, problems: list[str]) -> Iterator[Path]:
    count = 0
    for publisher in _children(base, problems):
        for folder in _children(publisher, problems):
            count += 1
            if count > _MOST:
                return
            yield folder


def _children(folder: Path, problems: list[str]) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(say("{folder} cannot be read: {reason}.", folder=folder, reason=error))
        return []
