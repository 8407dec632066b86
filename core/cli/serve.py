"""hone serve: a model for other programs, through mlx-lm's OpenAI-compatible server."""

import json
import threading
from typing import TYPE_CHECKING, Any

from core.cli import Print, on_ranks
from core.cli.flags import add_number
from core.cli.model_flags import add_loading_flags, add_quantization_flag
from core.cli.parted import absolute, launch, sharing
from core.errors import BadOption
from core.stop_request import StopRequest

if TYPE_CHECKING:
    from core.distributed.machines import Machines
    from core.model.sharding import Sharding
    from core.serve import Server


def add(commands: Any) -> None:
    command = commands.add_parser(
        "serve",
        help="Let other programs use a model.",
        description="Answer the requests of programs that speak OpenAI's API, until Ctrl-C.",
    )
    command.add_argument(
        "source",
        metavar="SOURCE",
        help="A run's folder, any adapter's (Hone, mlx-lm, PEFT), or a model: folder, Hugging Face id or 'starter'.",
    )
    command.add_argument("--model", metavar="TEXT", help="The base. Default: the one the adapter names.")
    command.add_argument(
        "--host", default="127.0.0.1", metavar="TEXT", help="Address to answer at. Default: this machine alone."
    )
    add_number(command, "--port", 8080, "0 takes a free one.", low=0, high=65535)
    add_quantization_flag(command)
    add_loading_flags(command, "Print one JSON object once it answers.")
    on_ranks.add_machine_flags(command)
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    server, machines = _server(args), on_ranks.asked_machines(args)
    args.adapter_path = None if server.adapter is None else str(server.adapter)
    model = server.find_model()
    if machines:
        _check_first(machines)
        for told in launch(args, machines, model, words=_words(args, model)):
            _show(told, args, out)
        return 0
    stop = StopRequest()
    on_ranks.follow_wishes(stop, threading.Event())
    with sharing(args, model) as sharding, _server(args, sharding) as server:
        told = {"name": server.name, "url": server.url, "notes": server.notes}
        _show(told, args, on_ranks.only_first(out))
        server.wait(stop)  # alone the signals' handler ends it
    return 0


def _server(args: Any, sharding: "Sharding | None" = None) -> "Server":
    from core.serve import Server

    return Server(
        args.source,
        model=args.model,
        host=args.host,
        port=args.port,
        backend_name=args.backend,
        allow_code=args.allow_model_code,
        quantization=args.quantization,
        sharding=sharding,
    )


def _show(told: Any, args: Any, out: Print) -> None:
    if args.json:
        out(json.dumps(told, ensure_ascii=False), flush=True)
        return
    for note in told["notes"]:
        out(note)
    out(f"{told['name']} answers at {told['url']} until Ctrl-C.", flush=True)


def _check_first(machines: "Machines") -> None:
    """Raises BadOption where the rank that listens would be on another machine."""
    from core.distributed.machines import resolve

    first = resolve(machines).ranks[0]
    if not first.is_here:
        raise BadOption(
            f"hone serve listens on this machine alone, and the first one named is {first.name}: name this one first."
        )


def _words(args: Any, model: str) -> list[str]:
    """The command line of each rank."""
    words = ["serve", absolute(args.source), "--host", args.host, "--port", str(args.port), "--backend", args.backend]
    words += ["--model", absolute(model)] if args.adapter_path else []
    words += ["--quantization", args.quantization] if args.quantization else []
    return [*words, *(["--allow-model-code"] if args.allow_model_code else [])]
