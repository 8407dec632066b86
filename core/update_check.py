"""Whether there is a newer Hone: one question to one address, once a day at most, and never where it is switched off.

The address is that of the releases of whoever built this Hone (as GitHub's "latest release" answers), in
resources/releases.url, which the build puts there; without that file nothing is ever asked. Nothing is sent but the
question itself.
"""

import dataclasses
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from packaging.version import InvalidVersion, Version

import core
from core.files.atomic_files import replacing
from core.resources import FOLDER
from core.text.sentence import say

DAY_SECONDS = 24 * 60 * 60
TIMEOUT_SECONDS = 10
LARGEST_ANSWER = 1_000_000
LONGEST_NOTES = 4000
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Updates:
    """What is known of newer versions, kept from one start to the next."""

    wanted: bool = True  # the person's switch
    asked: float = 0.0  # when the address was last asked, in seconds since 1970
    version: str = ""  # the latest release
    notes: str = ""
    page: str = ""  # where it can be downloaded
    problem: str = ""  # why the last question had no answer

    @property
    def is_newer(self) -> bool:
        """Whether the latest release is newer than this Hone."""
        return bool(self.version) and Version(self.version) > Version(core.__version__)


_KINDS: dict[str, Any] = {field.name: type(field.default) for field in dataclasses.fields(Updates)}


def releases_url() -> str:
    """The address that is asked, or "" where this Hone has none."""
    file = FOLDER / "releases.url"
    return file.read_text("utf-8").strip() if file.is_file() else ""


def updates_file() -> Path:
    """Where the answer and the switch are kept."""
    return Path(platformdirs.user_data_dir("Hone", appauthor=False)) / "updates.json"


def read_updates() -> Updates:
    """What is known; the defaults where nothing was kept, or where that is damaged."""
    try:
        kept = json.loads(updates_file().read_text("utf-8"))
        updates = Updates(**{name: kind(kept[name]) for name, kind in _KINDS.items()})
        return updates if not updates.version or Version(updates.version) else Updates()
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Updates()


def want_updates(wanted: bool) -> None:
    """Switch the question on or off."""
    _keep(dataclasses.replace(read_updates(), wanted=wanted))


def is_due(now: float | None = None) -> bool:
    """Whether to ask: there is an address, it is wanted, and a day has gone by (or the clock went back)."""
    updates = read_updates()
    since = (time.time() if now is None else now) - updates.asked
    return bool(releases_url()) and updates.wanted and not 0 <= since < DAY_SECONDS


def ask() -> Updates:
    """Ask the address and keep what it says. A failing network is kept as the problem and raises nothing.

    That it was asked is kept first, so that a second window, or one that ends meanwhile, does not ask again. Where it
    cannot be kept, nothing is asked, or every start would ask.
    """
    updates = dataclasses.replace(read_updates(), asked=time.time(), problem="")
    try:
        _keep(updates)
    except OSError as error:
        return dataclasses.replace(
            updates,
            problem=say("{updates_file} cannot be written: {reason}", updates_file=updates_file(), reason=error),
        )
    try:
        updates = dataclasses.replace(updates, **_fetch(releases_url()))
    except urllib.error.HTTPError as error:
        updates = dataclasses.replace(updates, problem=say("the releases' address answered {code}", code=error.code))
    except (OSError, http.client.HTTPException) as error:
        problem = say("the releases' address cannot be reached: {reason}", reason=error)
        updates = dataclasses.replace(updates, problem=problem)
    except (ValueError, RecursionError) as error:
        problem = say("what the releases' address answers names no release: {reason}", reason=error)
        updates = dataclasses.replace(updates, problem=problem)
    _keep(updates)
    return updates


def describe() -> str:
    """A sentence about updates, for `hone doctor`."""
    updates = read_updates()
    if not releases_url():
        return say("not looked for: this Hone was built without the address of its releases")
    if not updates.wanted:
        return say("not looked for: switched off")
    if updates.problem:
        return say("not known: {problem}", problem=updates.problem)
    if not updates.asked:
        return say("not looked for yet; the window does it once a day")
    return (
        say("Hone {version} is available: {page}", version=updates.version, page=updates.page)
        if updates.is_newer
        else say("this is the latest version")
    )


def _fetch(url: str) -> dict[str, Any]:
    """version, notes and page of the latest release. Raises OSError, HTTPException and ValueError."""
    _check_address(url)
    request = urllib.request.Request(url, headers={"User-Agent": "Hone", "Accept": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        _check_address(answer.geturl())
        contents = answer.read(LARGEST_ANSWER + 1)
    if len(contents) > LARGEST_ANSWER:
        raise ValueError("it is too long")
    release: Any = json.loads(contents)
    if not isinstance(release, dict):
        raise ValueError("it is no JSON object")
    tag, page, notes = release.get("tag_name"), release.get("html_url"), release.get("body") or ""
    if not isinstance(tag, str) or not isinstance(page, str) or not isinstance(notes, str):
        raise ValueError("it lacks tag_name or html_url")
    _check_address(page)
    try:
        version = Version(tag)
    except InvalidVersion:
        raise ValueError(f"{tag[:40]!r} is no version") from None
    return {"version": str(version), "notes": notes[:LONGEST_NOTES], "page": page}


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("its address is not https")


def _keep(updates: Updates) -> None:
    file = updates_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as partial:
        partial.write_text(json.dumps(dataclasses.asdict(updates)), "utf-8")
