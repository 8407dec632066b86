"""hone eval: measure models, with or without a trained adapter, on a dataset, and compare them on the same rows."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cli import Print, on_ranks
from core.cli.data import READING, add_data_flags, data_options
from core.cli.flags import add_number
from core.cli.model_flags import add_loading_flags, add_model_flags, add_quantization_flag
from core.cli.parted import launch, sharing
from core.cli.progress import lines, show
from core.cli.rewards import FILE_OPTIONS, REWARD_OPTIONS, add_reward_flags, read_rewards
from core.data.kinds import PAIRS, QUESTIONS, TEXT
from core.errors import BadOption
from core.events import Walked, from_json
from core.files.atomic_files import replacing
from core.files.file_errors import explain
from core.run import Run
from core.run.folder import RUN

if TYPE_CHECKING:
    from core.evaluation.compare import Comparison
    from core.evaluation.evaluate import Evaluation
    from core.model.sharding import Sharding


def add(commands: Any) -> None:
    command = commands.add_parser(
        "eval",
        help="Measure a model on a dataset, or compare several.",
        description="Loss and answers on a dataset; with --compare, whether one model is better by more than chance.",
    )
    add_model_flags(command, "measure")
    command.add_argument(
        "--kind",
        choices=(TEXT, PAIRS, QUESTIONS),
        help="Shape of the data: pairs tells how often the better answer is preferred, questions are rows of a prompt "
        "and an answer to check against. Default: as the run had it.",
    )
    command.add_argument(
        "--dataset",
        default="demo",
        metavar="TEXT",
        help="A file, a folder, a Hugging Face id, or 'demo'. Default: demo.",
    )
    add_data_flags(command, READING)
    add_number(command, "--answers", 20, "Prompts to answer and compare.", low=0)
    add_number(command, "--batch-size", 8, "Rows in each batch.", low=1)
    add_number(command, "--max-seq-len", 2048, "Longest row in tokens.", low=8)
    add_number(command, "--max-tokens", 128, "Longest answer, in tokens.", low=1)
    command.add_argument(
        "--train-on",
        choices=("answers", "last", "all"),
        default="answers",
        help="Which tokens the loss is computed on. Default: answers.",
    )
    command.add_argument(
        "--compare",
        nargs="+",
        default=[],
        metavar="MODEL",
        help="Further models or adapters (run folders) to measure on the same rows and compare with the first.",
    )
    command.add_argument(
        "--forgetting", action="store_true", help="Also measure general text: what an adapter has cost its base."
    )
    command.add_argument(
        "--output",
        action="append",
        default=[],
        metavar="FILE",
        help="Write the table of the models (.md), or every row of every model (.csv); may be given twice.",
    )
    add_reward_flags(command)
    add_quantization_flag(command)
    command.add_argument(
        "--dtype",
        choices=("auto", "float32", "bfloat16", "float16"),
        default="auto",
        help="Compute precision. Default: auto.",
    )
    add_loading_flags(command)
    on_ranks.add_machine_flags(command)
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    """Measure, compare, and write what is asked for. Raises UserError."""
    from core.chat import find_base_model

    files = [Path(name).expanduser() for name in args.output]
    for file in files:
        if file.suffix not in (".md", ".csv"):
            raise BadOption(f"--output {file}: the name must end with .md or .csv.")
        if not file.parent.is_dir():
            raise BadOption(f"--output {file}: there is no folder {file.parent}.")
    model = args.model or find_base_model(args.adapter_path) or "starter"
    if machines := on_ranks.asked_machines(args):
        for value in launch(args, machines, model):
            _tell(value, args.json, out)
        for file in files if not args.json else ():
            out(f"Saved: {file}")
        return 0
    with sharing(args, model) as sharding:
        _measure(args, files, sharding, on_ranks.only_first(out))
    return 0


def _tell(value: Any, as_json: bool, out: Print) -> None:
    """Show what the first of several ranks has told as JSON."""
    if as_json:
        out(json.dumps(value, ensure_ascii=False), flush=True)
    elif "comparison" in value:
        out(value["comparison"]["sentence"])
    else:
        for line in lines(from_json(json.dumps(value))):
            out(line, flush=True)


def _measure(args: Any, files: list[Path], sharding: "Sharding | None", out: Print) -> None:
    from core.chat import find_base_model
    from core.evaluation.compare import compare, write_csv, write_markdown
    from core.evaluation.evaluate import Evaluation, evaluate

    is_first = sharding is None or sharding.group.is_first
    rewards = read_rewards(args) if is_first and _names_rewards(args) else None
    subjects = [(args.model, args.adapter_path), *map(_model_or_adapter, args.compare)]
    data = data_options(args)
    kind = args.kind or _data_kind(args.adapter_path)
    evaluations: list[Evaluation] = []
    for model, adapter in subjects:
        events = Walked(
            evaluate(
                model or find_base_model(adapter) or "starter",
                adapter,
                args.dataset,
                columns=data.columns,
                exclude=data.exclude,
                fill_in=data.fill_in,
                answers=args.answers,
                batch_size=args.batch_size,
                max_seq_len=args.max_seq_len,
                max_tokens=args.max_tokens,
                train_on=args.train_on,
                backend_name=args.backend,
                dtype=args.dtype,
                allow_code=args.allow_model_code,
                quantization=args.quantization,
                kind=kind,
                rewards=rewards.weights if rewards else None,
                reward_settings=rewards.settings if rewards else None,
                forgetting=args.forgetting,
                sharding=sharding,
            )
        )
        show(events, args.json, out)
        evaluations.append(events.value)
    _tell_apart(evaluations, subjects)
    comparisons = [c for other in evaluations[1:] for c in compare(evaluations[0], other)]
    for line in _sentences(evaluations, comparisons, args.json):
        out(line)
    for file in files if is_first else ():
        with explain(file), replacing(file, private=False) as temporary:
            is_table = file.suffix == ".md"
            text = write_markdown(evaluations, comparisons) if is_table else write_csv(evaluations)
            temporary.write_text(text, encoding="utf-8")
        if not args.json:
            out(f"Saved: {file}")


def _names_rewards(args: Any) -> bool:
    """Whether any flag says something of rewards."""
    return any(getattr(args, name) not in (None, False) for name in (*REWARD_OPTIONS, *FILE_OPTIONS))


def _model_or_adapter(place: str) -> tuple[str | None, str | None]:
    """(model, adapter) of what --compare names: a folder with adapter weights is an adapter, all else a model."""
    from core.adapters import CONFIG

    is_adapter = (Path(place).expanduser() / CONFIG).is_file()
    return (None, place) if is_adapter else (place, None)


def _tell_apart(evaluations: "list[Evaluation]", subjects: list[tuple[str | None, str | None]]) -> None:
    """Call models of the same name by the whole path."""
    names = [e.name for e in evaluations]
    for e, (model, adapter) in zip(evaluations, subjects, strict=True):
        if names.count(e.name) > 1:
            e.name = adapter or model or e.name


def _sentences(evaluations: "list[Evaluation]", comparisons: "list[Comparison]", as_json: bool) -> Iterator[str]:
    """What was forgotten and how the models compare: for people, or one JSON object for each comparison."""
    from core.training.forgetting import describe

    if as_json:
        yield from (json.dumps({"comparison": asdict(c) | {"sentence": c.sentence}}) for c in comparisons)
        return
    for e in evaluations:
        if e.forgetting:
            yield f"{e.name}: {describe(e.forgetting, advice='') or 'No clear loss on general text.'}"
    yield from (c.sentence for c in comparisons)


def _data_kind(adapter: str | None) -> str:
    """Pairs or questions where the adapter lies in the folder of a run that learned from them."""
    file = Path(adapter or "") / RUN
    learned = Run.read(file).spec.data if adapter and file.is_file() else TEXT
    return learned if learned in (PAIRS, QUESTIONS) else TEXT
