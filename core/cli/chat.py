"""hone chat: talk to a model, with or without a trained adapter."""

import json
from typing import Any

from core.cli import Print
from core.quant.modes import MODES, UNPACKED


def add(commands: Any) -> None:
    command = commands.add_parser(
        "chat", help="Talk to a model.", description="Talk to a model; empty line or Ctrl-D ends."
    )
    command.add_argument(
        "--model", metavar="TEXT", help="Folder, Hugging Face id or 'starter'. Default: the adapter's, or starter."
    )
    command.add_argument("--adapter-path", metavar="FOLDER", help="A run's folder: talk to what was trained there.")
    command.add_argument("--prompt", metavar="TEXT", help="Answer this one prompt and end.")
    command.add_argument("--system", metavar="TEXT", help="A system message to start with.")
    command.add_argument(
        "--max-tokens", type=int, default=256, metavar="N", help="Longest answer, in tokens. Default: 256."
    )
    command.add_argument(
        "--temperature", type=float, default=0.0, metavar="X", help="Sampling temperature; 0 is greedy. Default: 0."
    )
    add_quantization_flag(command)
    command.add_argument("--backend", choices=("auto", "gpu", "cpu"), default="auto", help="Default: auto.")
    command.add_argument(
        "--allow-model-code", action="store_true", help="Let the model folder run its own Python code."
    )
    command.add_argument("--json", action="store_true", help="Print one JSON object for each answer.")
    command.set_defaults(command=run)


def add_quantization_flag(command: Any) -> None:
    command.add_argument(
        "--quantization",
        choices=(UNPACKED, *MODES),
        help="Precision of the base model. Default: as in the adapter's training, or as it comes.",
    )


def run(args: Any, out: Print) -> int:
    from core.chat import Chat, find_base_model

    model = args.model or find_base_model(args.adapter_path) or "starter"
    chat = Chat(
        model,
        args.adapter_path,
        backend_name=args.backend,
        allow_code=args.allow_model_code,
        quantization=args.quantization,
    )
    if chat.note and not args.json:
        out(chat.note)
    messages = [{"role": "system", "content": args.system}] if args.system else []
    while True:
        try:
            text = args.prompt if args.prompt is not None else input("" if args.json else "> ")
        except EOFError:
            return 0
        if not text.strip():
            return 0
        messages.append({"role": "user", "content": text})
        answer = ""
        for piece in chat.answer(messages, max_tokens=args.max_tokens, temperature=args.temperature):
            answer += piece
            if not args.json:
                out(piece, end="", flush=True)
        out(json.dumps({"prompt": text, "answer": answer.strip()}, ensure_ascii=False) if args.json else "", flush=True)
        messages.append({"role": "assistant", "content": answer.strip()})
        if args.prompt is not None:
            return 0
