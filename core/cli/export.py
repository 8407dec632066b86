"""hone export: bring a result to where it is used."""

from typing import Any

from core.cli import Print
from core.cli.model_flags import add_loading_flags
from core.cli.progress import show

# Named here so that the command line need not load MLX; a test compares them with core.export.targets.
TARGETS = ("model", "gguf", "ollama", "lmstudio", "peft", "hub")


def add(commands: Any) -> None:
    command = commands.add_parser(
        "export",
        help="Bring a result to where it is used.",
        description="Bring what was trained to other programs: as a whole model, a GGUF file or an adapter.",
    )
    command.add_argument(
        "source", metavar="SOURCE", help="A run's folder, any adapter's (Hone, mlx-lm, PEFT), or a model."
    )
    command.add_argument("--to", required=True, choices=TARGETS, dest="target", help="Where it goes.")
    command.add_argument(
        "--output",
        metavar="PLACE",
        default="",
        help="The new file or folder; OWNER/NAME on the Hub. Default: a new one in this folder, or LM Studio's.",
    )
    command.add_argument(
        "--type", metavar="TEXT", default="", dest="form", help="Its form: f16, bf16, q8_0, q4_k_m … for gguf."
    )
    command.add_argument("--name", metavar="TEXT", default="", help="What the model is called in Ollama.")
    command.add_argument("--system", metavar="TEXT", default="", help="Its system message in Ollama.")
    command.add_argument("--public", action="store_true", help="On the Hub, let everybody read it.")
    command.add_argument("--overwrite", action="store_true", help="On the Hub, replace what is there.")
    command.add_argument("--name-data", action="store_true", help="On the Hub, name the data in the card.")
    command.add_argument("--model", metavar="TEXT", help="The base. Default: the one the adapter names.")
    add_loading_flags(command)
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    from core.export.request import ExportRequest
    from core.export.targets import export

    request = ExportRequest(
        args.source,
        args.output,
        args.form,
        args.model,
        args.backend,
        args.allow_model_code,
        {
            "name": args.name,
            "system": args.system,
            "public": args.public,
            "overwrite": args.overwrite,
            "name_data": args.name_data,
        },
    )
    return show(export(request, args.target), args.json, out)
