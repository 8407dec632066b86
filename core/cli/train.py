"""hone train (the same as hone sft), and one command for every other method."""

import argparse
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from core import methods
from core.cli import Print
from core.cli.progress import lines
from core.errors import BadOption
from core.events import Event, to_json
from core.options import Option, parse
from core.run import Run, list_options


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
        add_flag(command, key, o)
    command.set_defaults(command=run, method=method)


def add_flag(command: argparse.ArgumentParser, key: str, o: Option) -> None:
    """An option of a run as a flag; its value comes under "option:" and its key."""
    help_text = o.help.replace("%", "%%")
    default = o.unset if o.default is None else ("on" if o.default else "off") if o.type is bool else o.default
    if o.type is tuple and o.default:
        default = ",".join(o.default)
    help_text += f" Default: {default}.".replace("%", "%%")
    if o.type is bool:
        command.add_argument(
            o.flag,
            dest=f"option:{key}",
            action=argparse.BooleanOptionalAction,
            default=argparse.SUPPRESS,
            help=help_text,
        )
        return
    metavar = "{" + ",".join(o.choices) + "}" if o.choices else {int: "N", float: "X"}.get(o.type, "TEXT")
    command.add_argument(o.flag, dest=f"option:{key}", default=argparse.SUPPRESS, metavar=metavar, help=help_text)


def run(args: Any, out: Print) -> int:
    """Train, printing as it goes; the first Ctrl-C finishes the step and saves."""
    from core.train import resume, train

    changes = _parse_options(args)
    stop = threading.Event()
    if args.resume is not None:
        folder = args.resume or changes.pop("output", None)
        if not folder:
            raise BadOption("--resume needs a folder: hone train --resume FOLDER, or --resume with --output FOLDER.")
        changes.pop("output", None)
        events = resume(Path(str(folder)), stop, changes=changes, accept_changes=args.accept_changes)
    elif args.accept_changes:
        raise BadOption("--accept-changes goes with --resume.")
    else:
        events = train(_build_run(args, changes), stop)
    for event in _interruptible(events, stop, out, quiet=args.json):
        if args.json:
            out(to_json(event), flush=True)
        else:
            for line in lines(event):
                out(line, flush=True)
    return 0


def _parse_options(args: Any) -> dict[str, Any]:
    """The options on the command line, checked, by their key in run.toml."""
    options = dict(list_options(args.method))
    values = {}
    for name, value in vars(args).items():
        kind, _, key = name.partition(":")
        if kind == "option":
            o = replace(options[key], name=options[key].flag)
            values[key] = value if o.type is bool else parse(o, value)
    return values


def _build_run(args: Any, changes: dict[str, Any]) -> Run:
    """The run that the command line describes: that of --config, or the defaults, with these changes."""
    run = Run(method=args.method)
    if args.config:
        run = Run.read(Path(args.config))
        if run.method != args.method:
            raise BadOption(f"{args.config} is a run of the method {run.method}; start it with hone {run.method}.")
    if "train.steps" in changes:
        run = run.replace("train.epochs", None)
    elif "train.epochs" in changes:
        run = run.replace("train.steps", None)
    for key, value in changes.items():
        run = run.replace(key, value)
    return run.check()


def _interruptible(events: Iterator[Event], stop: threading.Event, out: Print, quiet: bool) -> Iterator[Event]:
    """The events; a first Ctrl-C asks the run to stop and save, a second one quits at once."""
    default_handler = signal.getsignal(signal.SIGINT)

    def request_stop(*_: Any) -> None:
        stop.set()
        signal.signal(signal.SIGINT, default_handler)
        if not quiet:
            out("Stopping after this step and saving. Press Ctrl-C again to quit at once.", flush=True)

    signal.signal(signal.SIGINT, request_stop)
    try:
        yield from events
    finally:
        signal.signal(signal.SIGINT, default_handler)
