"""hone fuse: a trained adapter and its base as one model, or the adapter in PEFT's format."""

from typing import Any

from core.cli import Print
from core.cli.flags import add_number
from core.cli.model_flags import add_loading_flags
from core.cli.progress import show
from core.quant.modes import MODES, UNPACKED


def add(commands: Any) -> None:
    command = commands.add_parser(
        "fuse",
        help="Write adapter and base as one model.",
        description="Write adapter and base as one model in the Hugging Face layout, 16 bit unless told otherwise.",
    )
    command.add_argument("--adapter-path", required=True, metavar="FOLDER", help="A run's folder, or any adapter's.")
    command.add_argument("--output", required=True, metavar="FOLDER", help="Where to write; a new folder.")
    command.add_argument("--model", metavar="TEXT", help="The base. Default: the one the adapter names.")
    command.add_argument(
        "--dtype",
        choices=("auto", "float32", "bfloat16", "float16"),
        default="auto",
        help="Precision of the written weights. Default: the model's own.",
    )
    command.add_argument(
        "--quantization",
        choices=(UNPACKED, *MODES),
        default=UNPACKED,
        help="Pack the result, and tell its held-out loss beside the adapter's. Default: none.",
    )
    command.add_argument("--peft", action="store_true", help="Write only the adapter, in PEFT's format.")
    add_export_flags(command)
    command.set_defaults(command=run)


def add_export_flags(command: Any) -> None:
    """Add the flags of every command that writes a model."""
    command.add_argument("--double-quantization", action="store_true", help="Pack the scales of nf4 and fp4 too.")
    add_number(command, "--shard-gb", 4.0, "Largest file of weights, in GB.", low=0.00001)
    add_loading_flags(command)


def export_arguments(args: Any) -> dict[str, Any]:
    """The values of the flags that add_export_flags() adds, as keyword arguments of the functions in core.export."""
    return {
        "double": args.double_quantization,
        "shard_bytes": int(args.shard_gb * 2**30),
        "backend_name": args.backend,
        "allow_code": args.allow_model_code,
    }


def run(args: Any, out: Print) -> int:
    from core.export import fuse, to_peft

    if args.peft:
        return show(to_peft(args.adapter_path, args.output), args.json, out)
    options = {"model": args.model, "dtype": args.dtype, "quantization": args.quantization}
    return show(fuse(args.adapter_path, args.output, **options, **export_arguments(args)), args.json, out)
