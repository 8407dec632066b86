"""hone quantize: a model in fewer bits, as a folder of its own."""

from typing import Any

from core.cli import Print
from core.cli.fuse import add_export_flags, export_arguments
from core.cli.progress import show
from core.quant.modes import MODES


def add(commands: Any) -> None:
    command = commands.add_parser(
        "quantize",
        help="Write a model in fewer bits.",
        description="Write a model in fewer bits: MLX's formats for Hone and mlx-lm; nf4, fp4 and int8 for Hone and "
        "transformers. Training packs by itself: hone train --quantization.",
    )
    command.add_argument("--model", required=True, metavar="TEXT", help="Folder, Hugging Face id or 'starter'.")
    command.add_argument("--output", required=True, metavar="FOLDER", help="Where to write; a new folder.")
    command.add_argument(
        "--quantization", choices=tuple(MODES), default="affine-4", help="What to pack it as. Default: affine-4."
    )
    add_export_flags(command)
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    from core.export import quantize

    return show(quantize(args.model, args.output, args.quantization, **export_arguments(args)), args.json, out)
