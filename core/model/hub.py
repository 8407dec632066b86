"""Find a model or a dataset on this machine, or download it from the Hugging Face Hub with progress.

Nothing here imports MLX, so the window may call it at any time.
"""

import re
from collections.abc import Generator
from pathlib import Path

from core.data.read.files import DEMO, ENDINGS
from core.data.read.packed import PACKED_ENDINGS
from core.errors import BadModel
from core.events import Phase
from core.model.download import Repository, download
from core.model.model_facts import CARD
from core.model.weight_files import PATTERN, find_missing_files
from core.resources import STARTER as STARTER_FOLDER
from core.text.sentence import say

STARTER = "starter"
PARENTS = 4  # how many folders around an adapter are searched for a base that was moved
# Everything that training and chatting read; never Python files.
PATTERNS = ["*.json", PATTERN, "tokenizer.model", "*.tiktoken", "*.txt", "*.jsonl", "*.jinja"]


def locate(model: str, revision: str | None = None) -> Path | None:
    """The model's folder on this machine, or None when it would have to be downloaded.

    `model` is a folder, a Hugging Face id or "starter". Raises BadModel for a folder that is missing or
    for text that is neither.
    """
    if model == STARTER:
        return STARTER_FOLDER
    if not model.strip():  # which Path would take for the folder that one is in
        raise BadModel(say("No model is named."))
    try:
        folder = Path(model).expanduser()
        is_folder, is_file = folder.is_dir(), folder.is_file()
    except PermissionError:
        raise BadModel(say("There is no permission to read {model}.", model=model)) from None
    except (OSError, ValueError, RuntimeError):  # too long, a character that no name has, no such home
        raise BadModel(say("There can be no folder {model}.", model=model)) from None
    if is_folder:
        return find_snapshot(folder)
    if is_file:
        raise BadModel(
            say("{model} is a file; a model is a folder with config.json, or a Hugging Face id.", model=model)
        )
    if not is_id(model):
        raise BadModel(
            say("There is no folder {model}, and it is no Hugging Face id of the form owner/name.", model=model)
        )
    cached = model_repository(model, revision).find_cached()
    return None if not cached or find_missing_files(cached) else cached


def fetch(model: str, revision: str | None = None) -> Generator[Phase, None, Path]:
    """Find or download a model, yielding progress; returns its folder (the value of `yield from`).

    A download that was cut off resumes where it stopped. Raises as download() does.
    """
    folder = locate(model, revision)
    if folder is not None:
        return folder
    folder = yield from download(model_repository(model, revision))
    return folder


def require_local(model: str, adapter: Path | str) -> str:
    """`model`, which an adapter's files name as its base. Raises BadModel where it would have to be downloaded.

    The files may come from elsewhere: what they name is not looked for on the network before someone asks for it.
    """
    model = find_moved(model, adapter)
    if locate(model) is None:
        raise BadModel(
            say(
                "The adapter in {adapter} names the base {model}, which is not on this machine; give --model "
                "{model} to download it.",
                adapter=adapter,
                model=model,
            )
        )
    return model


def find_moved(model: str, adapter: Path | str) -> str:
    """Where the base of an adapter (a run's folder, or an adapter's) is now: `model` itself, unless that names a folder
    that is gone.

    Then it is looked for beside the adapter and the folders around it, as when all were moved together, and, where it
    lay in the Hub's cache, in the cache of this machine. Raises BadModel where it is nowhere.
    """
    if model == STARTER or _exists(model) or is_id(model):
        return model
    parts = [part for part in re.split(r"[/\\]", model) if part not in ("", ".", "..", "~")]
    around = Path(adapter).expanduser().absolute().parents
    for parent in around[:PARENTS]:
        for count in range(1, min(PARENTS, len(parts)) + 1):
            place = parent.joinpath(*parts[-count:])
            if _exists(place / "config.json"):
                return str(place)
    if len(parts) >= 3 and parts[-2] == "snapshots" and parts[-3].startswith("models--"):
        cached = model_repository(parts[-3].removeprefix("models--").replace("--", "/"), parts[-1]).find_cached()
        if cached:
            return str(cached)
    raise BadModel(
        say(
            "There is no folder {model}, the base of {adapter}, and none of that name beside it; say with "
            "--model where it is now.",
            model=model,
            adapter=adapter,
        )
    )


def find_snapshot(folder: Path) -> Path:
    """The folder itself; of a model's folder in the Hub's cache, which holds revisions, the one that is the newest."""
    snapshots = folder / "snapshots"
    if not folder.name.startswith("models--") or not snapshots.is_dir():
        return folder
    main = folder / "refs" / "main"
    name = main.read_text(encoding="utf-8").strip() if main.is_file() else ""
    if re.fullmatch(r"\w[\w.-]*", name) and (snapshots / name).is_dir():
        return snapshots / name
    found = [place for place in snapshots.iterdir() if place.is_dir()]
    if len(found) != 1:
        raise BadModel(
            say(
                "{folder} holds {count} revisions of a model, and none is named main: give one of them.",
                folder=folder,
                count=len(found),
            )
        )
    return found[0]


def _exists(path: str | Path) -> bool:
    """Whether there is something; of a name that none can have, there is nothing."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a character that no name has, no such home
        return False


def model_repository(model: str, revision: str | None) -> Repository:
    """A model's repository with the files that Hone reads."""
    return Repository(model, revision, "model", [*PATTERNS, CARD])


def fetch_data(path: str) -> Generator[Phase, None, str]:
    """The dataset's path on this machine: `path` itself, or the folder that a Hugging Face dataset was downloaded to.

    Of a dataset's repository only the data files are downloaded, never its code. Raises as download() does.
    """
    try:
        if path == DEMO or not is_id(path) or Path(path).expanduser().exists():
            return path
    except PermissionError:  # it may be there: whoever reads it tells
        return path
    repository = Repository(
        path, None, "dataset", [f"*{end}{zipped}" for end in ENDINGS for zipped in ("", *PACKED_ENDINGS)]
    )
    folder = repository.find_cached()
    if folder is None:
        folder = yield from download(repository)
    return str(folder)


def is_id(text: str) -> bool:
    """Whether a text is a Hugging Face id of the form owner/name, by its form alone."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    if text.startswith((".", "/", "~")) or text.count("/") > 1 or "\\" in text:
        return False
    try:
        validate_repo_id(text)
    except HFValidationError:
        return False
    return "/" in text
