"""hone eval: measure a model, with or without a trained adapter, on a dataset."""

from pathlib import Path
from typing import Any

from core.cli import Print
from core.cli.chat import add_quantization_flag
from core.cli.progress import show
from core.data.kinds import PAIRS, TEXT
from core.run import Run
from core.run.folder import RUN


def add(commands: Any) -> None:
    command = commands.add_parser(
        "eval", help="Measure a model on a dataset.", description="Loss and answers on a dataset."
    )
    command.add_argument(
        "--model", metavar="TEXT", help="Folder, Hugging Face id or 'starter'. Default: the adapter's, or starter."
    )
    command.add_argument("--adapter-path", metavar="FOLDER", help="A run's folder: measure what was trained there.")
    command.add_argument(
        "--kind",
        choices=(TEXT, PAIRS),
        help="Shape of the data: pairs tells how often the better answer is preferred. Default: as the run had it.",
    )
    command.add_argument("--dataset", default="demo", metavar="TEXT", help="A file, or 'demo'. Default: demo.")
    command.add_argument(
        "--answers", type=int, default=20, metavar="N", help="Prompts to answer and compare. Default: 20."
    )
    command.add_argument("--batch-size", type=int, default=8, metavar="N", help="Rows in each batch. Default: 8.")
    command.add_argument(
        "--max-seq-len", type=int, default=2048, metavar="N", help="Longest row in tokens. Default: 2048."
    )
    command.add_argument(
        "--max-tokens", type=int, default=128, metavar="N", help="Longest answer, in tokens. Default: 128."
    )
    command.add_argument(
        "--train-on",
        choices=("answers", "last", "all"),
        default="answers",
        help="Which tokens the loss is computed on. Default: answers.",
    )
    add_quantization_flag(command)
    command.add_argument("--backend", choices=("auto", "gpu", "cpu"), default="auto", help="Default: auto.")
    command.add_argument(
        "--dtype",
        choices=("auto", "float32", "bfloat16", "float16"),
        default="auto",
        help="Compute precision. Default: auto.",
    )
    command.add_argument(
        "--allow-model-code", action="store_true", help="Let the model folder run its own Python code."
    )
    command.add_argument("--json", action="store_true", help="Print events, one JSON object a line.")
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    from core.chat import find_base_model
    from core.evaluate import evaluate

    events = evaluate(
        args.model or find_base_model(args.adapter_path) or "starter",
        args.adapter_path,
        args.dataset,
        answers=args.answers,
        batch_size=args.batch_size,
        max_seq_len=args.max_seq_len,
        max_tokens=args.max_tokens,
        train_on=args.train_on,
        backend_name=args.backend,
        dtype=args.dtype,
        allow_code=args.allow_model_code,
        quantization=args.quantization,
        kind=args.kind or _data_kind(args.adapter_path),
    )
    return show(events, args.json, out)


def _data_kind(adapter: str | None) -> str:
    """Pairs where the adapter lies in the folder of a run that learned from them."""
    file = Path(adapter or "") / RUN
    return PAIRS if adapter and file.is_file() and Run.read(file).spec.data == PAIRS else TEXT
