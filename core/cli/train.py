"""hone train (the same as hone sft), and one command for every other method."""

import argparse
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from core import methods
from core.cli import OutputClosed, Print, on_ranks
from core.cli.flags import add_flag, parse_flags
from core.cli.progress import lines, show
from core.distributed.machines import Machines
from core.errors import BadOption
from core.events import Event, Started, Walked, to_json
from core.run import Run, list_options
from core.run.folder import EVENTS
from core.signals import CHECKPOINT, Ended, handled_by
from core.stop_request import StopRequest


def add(commands: Any, name: str) -> None:
    method = methods.DEFAULT_METHOD if name == "train" else name
    spec = methods.load()[method]
    title = f"{spec.title}: {spec.summary}" + (f" (The same as hone {method}.)" if name == "train" else "")
    command = commands.add_parser(name, help=spec.summary.partition(". ")[0].rstrip(".") + ".", description=title)
    command.add_argument("--config", metavar="FILE", help="Take the options from a run.toml; flags win over it.")
    command.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="FOLDER",
        help="Go on with the run in FOLDER (or in --output) from its last checkpoint.",
    )
    command.add_argument(
        "--accept-changes",
        action="store_true",
        help="Go on although data, model or reward file are not what the run has learned from so far.",
    )
    command.add_argument(
        "--dry-run",
        action="store_true",
        help="Take a few real steps, print what the run will take in time and memory, and keep nothing; of several "
        "ranks say what each would do.",
    )
    command.add_argument("--json", action="store_true", help="Print events, one JSON object a line.")
    command.add_argument(
        "--dora",
        dest="option:adapter.type",
        action="store_const",
        const="dora",
        default=argparse.SUPPRESS,
        help="Short for --adapter dora.",
    )
    for key, o in list_options(method):
        if key == "method":
            continue
        add_flag(command, "option", key, o)
    on_ranks.add_machine_flags(command)
    command.set_defaults(command=run, method=method)
    command.epilog = (
        "Ctrl-C saves and ends a run, to go on with --resume; on the signal SIGUSR1 it writes a checkpoint."
    )


def run(args: Any, out: Print) -> int:
    """Train, printing as it goes; the first Ctrl-C finishes the step and saves, SIGUSR1 writes a checkpoint."""
    from core.train import resume, resume_on, train, train_on

    changes = _parse_options(args)
    machines = on_ranks.asked_machines(args)
    stop, save_now = StopRequest(), threading.Event()
    on_ranks.follow_wishes(stop, save_now)
    if args.dry_run:
        if args.resume is not None:
            raise BadOption("--dry-run is for a run that has not begun; it does not go with --resume.")
        built = _build_run(args, changes)
        return _plan(built, machines, out, args.json) if machines else _measure(built, out, args.json)
    if args.resume is not None:
        folder = args.resume or changes.pop("output", None)
        if not folder:
            raise BadOption("--resume needs a folder: hone train --resume FOLDER, or --resume with --output FOLDER.")
        changes.pop("output", None)
        accepted, path = args.accept_changes, Path(str(folder))
        if machines:
            events = resume_on(path, machines, stop, save_now, changes=changes, accept_changes=accepted)
        else:
            events = resume(path, stop, save_now=save_now, changes=changes, accept_changes=accepted)
    elif args.accept_changes:
        raise BadOption("--accept-changes goes with --resume.")
    elif machines:
        events = train_on(_build_run(args, changes), machines, stop, save_now)
    else:
        events = train(_build_run(args, changes), stop, save_now=save_now)
    with handled_by(lambda number, frame: save_now.set(), CHECKPOINT), on_ranks.as_rank():
        return _show(events, stop, on_ranks.only_first(out), args.json)


def _measure(run: Run, out: Print, as_json: bool) -> int:
    """Prepare a run, take a few of its steps, and print what was measured."""
    from core.training.measure import measure

    events = Walked(measure(run))
    show(events, as_json, out)
    out(json.dumps({"measured": asdict(events.value)}) if as_json else events.value.sentence(time.time()))
    return 0


def _plan(run: Run, machines: Machines, out: Print, as_json: bool) -> int:
    """Print what each rank of a run would do; none is started."""
    from core.training.rank_plan import plan_ranks

    events = Walked(plan_ranks(run, machines))
    show(events, as_json, out)
    for line in [json.dumps({"planned": asdict(events.value)})] if as_json else events.value.sentences:
        out(line)
    return 0


def _show(events: Iterator[Event], stop: threading.Event, out: Print, as_json: bool) -> int:
    """Print the events as they come; returns the exit code.

    Once the run has begun, a first signal, or an output that is closed, asks it to stop and save; a second one ends it
    at once, as does one while there is nothing to save yet.
    """
    received: list[int] = []
    has_begun, closed = False, None

    def request_stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        if not has_begun or len(received) > 1:
            raise Ended(number)
        stop.set()
        if not as_json:
            with suppress(OutputClosed, RuntimeError):  # RuntimeError: the signal came while a line was printed
                out("Stopping after this step and saving. Press Ctrl-C again to quit at once.", flush=True)

    with handled_by(request_stop):
        for event in events:
            has_begun = has_begun or isinstance(event, Started)
            try:
                if closed is None:
                    for line in [to_json(event)] if as_json else lines(event):
                        out(line, flush=True)
            except OutputClosed as error:
                closed = error
                stop.set()
    if closed is not None and not received:
        raise closed
    return 128 + received[0] if received else 0


def _parse_options(args: Any) -> dict[str, Any]:
    """The options on the command line, checked, by their key in run.toml."""
    return parse_flags(args, "option", dict(list_options(args.method)))


def _build_run(args: Any, changes: dict[str, Any]) -> Run:
    """The run that the command line describes: that of --config, or the defaults, with these changes."""
    run = Run(method=args.method)
    if args.config:
        config = Path(args.config).expanduser()
        run = Run.read(config)
        if run.method != args.method:
            raise BadOption(f"{args.config} is a run of the method {run.method}; start it with hone {run.method}.")
        if (config.parent / EVENTS).exists():  # what an earlier run was asked: its folder is taken
            run = run.replace("output", None)
    if "train.steps" in changes:
        run = run.replace("train.epochs", None)
    elif "train.epochs" in changes:
        run = run.replace("train.steps", None)
    for key, value in changes.items():
        run = run.replace(key, value)
    return run.check()
