"""hone chat, eval and serve with a model that is parted over several machines or GPUs: the flags, and who does what.

The process that a person starts launches the same command on every rank, and shows what the first of them says.
"""

import json
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli import on_ranks
from core.distributed.launched import launched_backend
from core.distributed.machines import Machines, resolve
from core.options import describe
from core.stop_request import StopRequest

if TYPE_CHECKING:
    from core.distributed.session import Session
    from core.model.sharding import Sharding

_PATHS = ("--model", "--adapter-path", "--dataset", "--compare", "--reward-file")
_NAMES = {"model": "the model", "adapter": "the adapter", "dataset": "the dataset", "options": "the options"}
# What each rank has for itself.
_OWN = (
    "words",
    "flags",
    "command",
    "model",
    "adapter_path",
    "dataset",
    "output",
    "json",
    "source",
    "port",
)


def launch(
    args: Any,
    machines: Machines,
    model: str,
    lines: queue.SimpleQueue[str] | None = None,
    words: Sequence[str] | None = None,
) -> Iterator[Any]:
    """What the first rank prints of the same command on all of them: objects of JSON.

    Arguments:
        model: what the command will load.
        lines: what is put into it, a line each, comes to every rank's standard input.
        words: the command line of each rank; None for the one that was given, with whole paths.

    Raises Unavailable, naming the machine, where one cannot be reached, lacks a file, dies or hangs.
    """
    from core.distributed.host_check import check_hosts
    from core.distributed.launcher import run_lines

    words = _words(args.words) if words is None else words
    files = [path for path in (args.adapter_path, getattr(args, "dataset", None)) if path and Path(path).exists()]
    check_hosts(resolve(machines).remote_hosts, [absolute(path) for path in files], absolute(model))
    for line in run_lines(words, machines, StopRequest(), threading.Event(), lines):
        if line.startswith("{"):
            yield json.loads(line)


def _words(words: Sequence[str]) -> list[str]:
    """A command line without what says where, and with whole paths: other machines start in another folder."""
    where, kept, flag = {o.flag for o in describe(Machines)}, list[str](), ""
    for word in words:
        if word.startswith("--"):
            flag, has_value, value = word.partition("=")
            if flag not in where and flag != "--json":
                kept.append(f"{flag}={_with_whole_path(flag, value)}" if has_value else word)
        elif flag not in where:
            kept.append(_with_whole_path(flag, word))
    return kept


def _with_whole_path(flag: str, value: str) -> str:
    return absolute(value) if flag in _PATHS else str(Path(value).absolute()) if flag == "--output" else value


def absolute(path: str) -> str:
    """The whole path of what is here; anything else, such as the name of a model, as it is."""
    return str(Path(path).expanduser().absolute()) if Path(path).expanduser().exists() else path


@contextmanager
def sharing(args: Any, model: str) -> "Iterator[Sharding | None]":
    """This process as one of the ranks that a launcher has started, and how its model is parted; alone None.

    Within it a rank that has nothing to do raises core.model.sharding.Idle, and leaves it so. Raises Unavailable where
    the ranks do not have the same.
    """
    from core.device.machine import usable_bytes
    from core.device.select import select
    from core.distributed.session import joined, wanted_sharding
    from core.model.sharding import Idle, Sharding, count_neighbours
    from core.training.ranks import telling_ranks

    if launched_backend(os.environ) is None:
        yield None
        return
    usable = usable_bytes(select(args.backend)["used"])
    with on_ranks.as_rank(), joined() as session, telling_ranks(session.group) as group:
        _agree(session, args, model)
        try:
            yield Sharding(wanted_sharding(os.environ), group, usable, count_neighbours(group))
        except Idle:
            return


def _agree(session: "Session", args: Any, model: str) -> None:
    """Raise Unavailable, on all ranks, where they do not have the same files or were not asked the same."""
    from core.events import Walked
    from core.files.checksums import hash_file
    from core.model import hub
    from core.training.inputs import hash_folder

    adapter, dataset = args.adapter_path, Path(getattr(args, "dataset", "")).expanduser()
    options = {name: value for name, value in vars(args).items() if name not in _OWN and ":" not in name}
    facts = {
        "model": hash_folder(Walked(hub.fetch(model if adapter is None else hub.find_moved(model, adapter))).finish()),
        "adapter": hash_folder(Path(adapter).expanduser()) if adapter else None,
        "dataset": hash_file(dataset) if dataset.is_file() else str(getattr(args, "dataset", "")),
        "options": json.dumps(options, sort_keys=True, default=str),
    }
    session.agree(facts, _NAMES)
