"""What the machines of a run are asked over ssh before it starts: are they there, and do they have what it needs?"""

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from core.device.child_process import hone_command
from core.distributed.rank_process import SSH
from core.errors import Unavailable
from core.text.sentence import join, say

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

    def describe(self, model: str) -> str:
        """The machine in a line, and whether it has the model that was asked for, by the name `model`."""
        memory = say("{memory:.0f} GB", memory=self.memory_bytes / 1e9)
        has = (
            say("does not have the model {model}", model=model)
            if self.missing
            else say("has the model {model}", model=model)
        )
        return join([self.gpu or self.processor, self.system, memory, f"Hone {self.versions['hone']}", has], " · ")

    def require_versions(self, machine: str, here: Mapping[str, str]) -> None:
        """Raises Unavailable where `machine`, whose facts these are, has another version of something than `here`."""
        other = [f"{what} {number}" for what, number in self.versions.items() if here.get(what) not in (None, number)]
        if other:
            raise Unavailable(
                say(
                    "{machine} has {versions}, which is not what this computer has.",
                    machine=machine,
                    versions=", ".join(other),
                )
            )


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
            missing = facts.missing[0]
            raise Unavailable(
                say("{machine} has no {file}: it must lie there as it does here.", machine=host, file=missing)
            )


def ask_host(host: str, files: Sequence[str] = (), model: str = "") -> HostFacts:
    """The facts of a machine, by Hone's command line there. Raises Unavailable where it gives none."""
    words = [_FACTS, *(f"--file={file}" for file in files), *([f"--model={model}"] if model else [])]
    command = hone_command(words)
    try:
        asked = subprocess.run(
            [*SSH, host, shlex.join(command)], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        late = say("{machine} has not answered within {seconds:g} s.", machine=host, seconds=_SECONDS)
        raise Unavailable(late) from None
    except OSError as error:
        raise Unavailable(say("ssh cannot be started: {reason}.", reason=error)) from None
    said = asked.stderr.decode("utf-8", "replace").strip().splitlines()
    if asked.returncode == 255:
        reason = said[-1].rstrip(".") if said else say("ssh says no more")
        raise Unavailable(say("{machine} cannot be reached: {reason}.", machine=host, reason=reason))
    for line in reversed(asked.stdout.decode("utf-8", "replace").splitlines()):
        if line.startswith("{"):
            return _read(json.loads(line))
    if said and said[-1].startswith("hone:"):
        raise Unavailable(
            say(
                "The Hone of {machine} is another version, which does not know what it is asked: update it.",
                machine=host,
            )
        )
    reason = f" ({said[-1].rstrip('.')})" if said else ""
    values = {"machine": host, "place": command[0], "reason": reason}
    raise Unavailable(say("{machine} has no Hone at {place}, where it lies here{reason}.", **values))


def _read(values: dict[str, Any]) -> HostFacts:
    return HostFacts(
        versions=dict(values["versions"]),
        system=str(values["system"]),
        processor=str(values["processor"]),
        gpu=values["gpu"],
        memory_bytes=int(values["memory_bytes"]),
        missing=tuple(values["missing"]),
    )
