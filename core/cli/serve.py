"""hone serve: a model for other programs, through mlx-lm's OpenAI-compatible server."""

import threading
from typing import Any

from core.cli import Print
from core.cli.chat import add_quantization_flag


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
    command.add_argument("--port", type=int, default=8080, metavar="N", help="0 takes a free one. Default: 8080.")
    add_quantization_flag(command)
    command.add_argument("--backend", choices=("auto", "gpu", "cpu"), default="auto", help="Default: auto.")
    command.add_argument(
        "--allow-model-code", action="store_true", help="Let the model folder run its own Python code."
    )
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    from core.serve import Server

    server = Server(
        args.source,
        model=args.model,
        host=args.host,
        port=args.port,
        backend_name=args.backend,
        allow_code=args.allow_model_code,
        quantization=args.quantization,
    )
    with server:
        for sentence in filter(None, (server.note, server.warning)):
            out(sentence)
        out(f"{server.name} answers at {server.url} until Ctrl-C.", flush=True)
        threading.Event().wait()  # the signals' handler ends it
    return 0
