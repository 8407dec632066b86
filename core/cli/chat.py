"""hone chat: talk to a model, with or without a trained adapter."""

import json
import os
import queue
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core.cli import Print, on_ranks
from core.cli.flags import add_number
from core.cli.model_flags import add_loading_flags, add_model_flags, add_quantization_flag
from core.cli.parted import launch, sharing
from core.distributed.complaint import LAUNCHED
from core.distributed.launched import rank_of

if TYPE_CHECKING:
    from core.model.sharding import Sharding


def add(commands: Any) -> None:
    command = commands.add_parser(
        "chat", help="Talk to a model.", description="Talk to a model; empty line or Ctrl-D ends."
    )
    add_model_flags(command, "talk to")
    command.add_argument("--prompt", metavar="TEXT", help="Answer this one prompt and end.")
    command.add_argument("--system", metavar="TEXT", help="A system message to start with.")
    add_number(command, "--max-tokens", 256, "Longest answer, in tokens.", low=1)
    add_number(command, "--temperature", 0.0, "Sampling temperature; 0 is greedy.", low=0, high=100)
    add_quantization_flag(command)
    add_loading_flags(command, "Print one JSON object for each answer.")
    on_ranks.add_machine_flags(command)
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    from core.chat import find_base_model

    model = args.model or find_base_model(args.adapter_path) or "starter"
    if machines := on_ranks.asked_machines(args):
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        return _show(args, launch(args, machines, model, lines), lines, out)
    with sharing(args, model) as sharding:
        _talk(args, model, sharding, on_ranks.only_first(out))
    return 0


def _talk(args: Any, model: str, sharding: "Sharding | None", out: Print) -> None:
    """Answer prompt after prompt: those of standard input, which comes to every rank."""
    from core.chat import Chat

    chat = Chat(
        model,
        args.adapter_path,
        backend_name=args.backend,
        allow_code=args.allow_model_code,
        quantization=args.quantization,
        sharding=sharding,
    )
    is_told = bool(os.environ.get(LAUNCHED))  # another process shows what comes
    if is_told:
        out(json.dumps({"note": chat.note}), flush=True)
    elif chat.note and not args.json:
        out(chat.note)
    messages = [{"role": "system", "content": args.system}] if args.system else []
    while text := chat.group.broadcast(_read(args, is_told)):
        messages.append({"role": "user", "content": text})
        answer = ""
        for piece in chat.answer(messages, max_tokens=args.max_tokens, temperature=args.temperature):
            answer += piece
            if is_told:
                out(json.dumps({"piece": piece}), flush=True)
            elif not args.json:
                out(piece, end="", flush=True)
        out(json.dumps({"prompt": text, "answer": answer.strip()}, ensure_ascii=False) if args.json else "", flush=True)
        messages.append({"role": "assistant", "content": answer.strip()})
        if args.prompt is not None:
            return


def _read(args: Any, is_told: bool = False) -> str:
    """The next prompt; "" at the end."""
    if args.prompt is not None:
        return str(args.prompt) if str(args.prompt).strip() else ""
    is_asking = not (args.json or is_told) and rank_of(os.environ) == 0
    try:
        text = input("> " if is_asking else "")
    except EOFError:
        return ""
    return text if text.strip() else ""


def _show(args: Any, told: Iterator[Any], lines: queue.SimpleQueue[str], out: Print) -> int:
    """Show what the first rank tells, and give the prompts to all."""
    for value in told:
        if "note" in value and value["note"] and not args.json:
            out(value["note"], flush=True)
        if "piece" in value and not args.json:
            out(value["piece"], end="", flush=True)
        if "answer" in value:
            out(json.dumps(value, ensure_ascii=False) if args.json else "", flush=True)
        if ("note" in value or "answer" in value) and args.prompt is None:
            lines.put(_read(args).encode("utf-8", "replace").decode())
    return 0
