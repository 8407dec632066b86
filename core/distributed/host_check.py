"""What the machines of a run are asked over ssh before it starts: are they there, and do they have what it needs?"""

import json
import shlex
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from core.device.child_process import hone_command
from core.distributed.rank_process import SSH
from core.errors import Unavailable

_SECONDS = 60.0  # in which a machine has to answer
_FACTS = "host-facts"  # the command of Hone's that answers


@dataclass(frozen=True)
class HostFacts:
    """What a machine says of itself."""

    versions: dict[str, str]
    system: str
    processor: str
    gpu: str | None
    memory_bytes: int
    missing: tuple[str, ...]  # of the files and models asked for


def check_hosts(hosts: Sequence[str], files: Sequence[str], model: str) -> None:
    """Raise Unavailable, naming the machine, where one cannot be reached or lacks one of the files or the model.

    Nothing is sent to it but the names of what is needed.
    """
    if not hosts:
        return
    with ThreadPoolExecutor(len(hosts)) as pool:
        answers = list(pool.map(lambda host: ask_host(host, files, model), hosts))
    for host, facts in zip(hosts, answers, strict=True):
        if facts.missing:
            raise Unavailable(f"{host} has no {facts.missing[0]}: it must lie there as it does here.")


def ask_host(host: str, files: Sequence[str] = (), model: str = "") -> HostFacts:
    """The facts of a machine, by Hone's command line there. Raises Unavailable where it gives none."""
    words = [_FACTS, *(f"--file={file}" for file in files), *([f"--model={model}"] if model else [])]
    command = hone_command(words)
    try:
        asked = subprocess.run(
            [*SSH, host, shlex.join(command)], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{host} has not answered within {_SECONDS:g} s.") from None
    except OSError as error:
        raise Unavailable(f"ssh cannot be started: {error.strerror}.") from None
    said = asked.stderr.decode("utf-8", "replace").strip().splitlines()
    if asked.returncode == 255:
        reason = said[-1].rstrip(".") if said else "ssh says no more"
        raise Unavailable(f"{host} cannot be reached: {reason}.")
    for line in reversed(asked.stdout.decode("utf-8", "replace").splitlines()):
        if line.startswith("{"):
            return _read(json.loads(line))
    if said and said[-1].startswith("hone:"):
        raise Unavailable(f"The Hone of {host} is another version, which does not know what it is asked: update it.")
    reason = f" ({said[-1].rstrip('.')})" if said else ""
    raise Unavailable(f"{host} has no Hone at {command[0]}, where it lies here{reason}.")


def _read(values: dict[str, Any]) -> HostFacts:
    return HostFacts(
        versions=dict(values["versions"]),
        system=str(values["system"]),
        processor=str(values["processor"]),
        gpu=values["gpu"],
        memory_bytes=int(values["memory_bytes"]),
        missing=tuple(values["missing"]),
    )
