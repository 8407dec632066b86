"""The flags of commands that load a model: which one, its precision, and how it is loaded."""

from typing import Any

from core.quant.modes import MODES, UNPACKED


def add_model_flags(command: Any, purpose: str) -> None:
    """Add --model and --adapter-path; `purpose` is what the command does with an adapter, such as "talk to"."""
    command.add_argument(
        "--model", metavar="TEXT", help="Folder, Hugging Face id or 'starter'. Default: the adapter's, or starter."
    )
    command.add_argument("--adapter-path", metavar="FOLDER", help=f"A run's folder: {purpose} what was trained there.")


def add_quantization_flag(command: Any) -> None:
    """Add --quantization of the base model, None where it is not given."""
    command.add_argument(
        "--quantization",
        choices=(UNPACKED, *MODES),
        help="Precision of the base model. Default: as in the adapter's training, or as it comes.",
    )


def add_loading_flags(command: Any, json: str = "Print events, one JSON object a line.") -> None:
    """Add --backend, --allow-model-code and --json; `json` says what is printed with it."""
    command.add_argument("--backend", choices=("auto", "gpu", "cpu"), default="auto", help="Default: auto.")
    command.add_argument(
        "--allow-model-code", action="store_true", help="Let the model folder run its own Python code."
    )
    command.add_argument("--json", action="store_true", help=json)
