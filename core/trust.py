"""Code of others that a person has allowed to run: by its contents, and kept outside of every run.

A yes is given on the command line, in the window or by an argument in Python, never by a run.toml, which may come from
elsewhere. It holds for exactly these contents: once they change, it has to be given again.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from core.errors import BadModel, BadOption, CodeRefused
from core.files.atomic_files import replacing
from core.text.sentence import join, say

SHOWN = 16  # digits of a hash in a sentence


@dataclass(frozen=True)
class Code:
    """A reward file, or the Python files of a model folder."""

    path: Path  # the file or the folder
    digest: str  # SHA-256 of the contents
    names: str  # of the files, for people
    is_model: bool = False

    @property
    def refusal(self) -> str:
        """The sentence for someone who has not allowed it."""
        digest, path = f"SHA-256 {self.digest[:SHOWN]}", self.path
        changed = say(" has changed since it was allowed; it") if is_known(self) else ""
        if self.is_model:
            wish = say(
                "{path}{changed} wants to run its own Python code ({names}; {digest}) to build the model",
                path=path,
                changed=changed,
                names=self.names,
                digest=digest,
            )
            return say(
                "{wish}, which is not allowed; allow it with --allow-model-code only if you trust this model.",
                wish=wish,
            )
        wish = say(
            "The reward file {path}{changed} is Python code that will run with all your rights ({digest})",
            path=path,
            changed=changed,
            digest=digest,
        )
        return say("{wish}: look at it, then allow it with --allow-reward-code.", wish=wish)


def reward_code(path: Path) -> Code:
    """A reward file. Raises BadOption where it cannot be read."""
    import hashlib  # OpenSSL: not before the window stands

    try:
        contents = path.read_bytes()
    except FileNotFoundError:
        raise BadOption(say("There is no reward file {path}.", path=path)) from None
    except OSError as error:
        raise BadOption(say("The reward file {path} cannot be read: {reason}.", path=path, reason=error)) from None
    return Code(path.resolve(), hashlib.sha256(contents).hexdigest(), path.name)


def model_code(folder: Path, config: Mapping[str, Any]) -> Code | None:
    """The Python files of a model folder, where its config.json asks to run one; else None. Raises BadModel."""
    import hashlib

    name = config.get("model_file")
    if name is None:
        return None
    root = folder.resolve()
    file = Path(os.path.normpath(root / name)) if isinstance(name, str) else root  # a link in the Hub's cache is kept
    if not file.is_file() or not file.is_relative_to(root):
        raise BadModel(
            say(
                "{folder}/config.json names {name!r} as its code, which is no file in this folder.",
                folder=folder,
                name=str(name)[:80],
            )
        )
    files = sorted({file, *root.rglob("*.py")})
    digest = hashlib.sha256()
    for path in files:
        contents = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\n{len(contents)}\n".encode() + contents)
    others = say(" and {count} more", count=len(files) - 1) if len(files) > 1 else ""
    return Code(root, digest.hexdigest(), join([str(name), others], ""), is_model=True)


def is_allowed(code: Code) -> bool:
    """Whether these contents were allowed; a reward file's only where it lies, as it may import what lies beside it."""
    places = _read().get(code.digest, [])
    return bool(places) if code.is_model else str(code.path) in places


def is_known(code: Code) -> bool:
    """Whether any contents of this file or folder were allowed."""
    return any(str(code.path) in places for places in _read().values())


def allow(code: Code) -> None:
    """Remember a yes. It holds for the moment only where the settings cannot be written."""
    allowed = _read()
    allowed[code.digest] = sorted({*allowed.get(code.digest, []), str(code.path)})
    file = trust_file()
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as temporary:
            temporary.write_text(json.dumps(allowed, indent=2) + "\n", encoding="utf-8")


def require(code: Code, yes: bool) -> None:
    """Go on only with a yes, given now or before. Raises CodeRefused with the sentence that asks for one."""
    if is_allowed(code):
        return
    if not yes:
        raise CodeRefused(code.refusal)
    allow(code)


def trust_file() -> Path:
    """The file that holds what was allowed: {SHA-256: [paths]}."""
    return Path(platformdirs.user_config_dir("Hone", appauthor=False)) / "trusted.json"


def _read() -> dict[str, list[str]]:
    """What was allowed; nothing where the file is missing or damaged."""
    try:
        values = json.loads(trust_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(values, dict):
        return {}
    return {digest: [str(p) for p in places] for digest, places in values.items() if isinstance(places, list)}
