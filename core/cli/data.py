"""hone data inspect FILE: what a dataset holds and what the model would see of it."""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from core.cli import Print
from core.cli.flags import add_flag, add_number
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.data.read.reader import Finding
from core.errors import BadData, UserError
from core.events import Walked
from core.methods import DEFAULT_METHOD
from core.model import hub
from core.option_values import parse
from core.options import Option
from core.run import Data, Run, list_options

KINDS = (TEXT, PAIRS, UNPAIRED, QUESTIONS)
READING = ("data.columns", "data.exclude", "data.fill_in")  # how rows are read, whatever is done with them
_OPTIONS = ("data.eval_path", "data.max_seq_len", "data.train_on", *READING, "data.chat_template")
_MAX_FINDINGS = 20  # that are printed


def add(commands: Any) -> None:
    command = commands.add_parser("data", help="Look at a dataset.", description="Look at a dataset.")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    inspect = actions.add_parser("inspect", help="Format, rows, problems, lengths, and what the model sees.")
    inspect.add_argument("file", help="A file, a folder, a Hugging Face id, or 'demo'.")
    inspect.add_argument("--kind", choices=KINDS, default=TEXT, help="Shape of data the method needs. Default: text.")
    inspect.add_argument(
        "--model", default="starter", metavar="TEXT", help="Whose tokenizer and template. Default: starter."
    )
    add_number(inspect, "--rows", 3, "Rows to show token by token.", low=0)
    inspect.add_argument("--json", action="store_true", help="Print JSON.")
    add_data_flags(inspect, _OPTIONS)
    inspect.set_defaults(command=run)
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    from core.data.preview.inspect import inspect_example, summarize_dataset
    from core.data.preview.scan import preview_files
    from core.data.tokenize.end_of_turn import find_end_of_turn
    from core.data.tokenize.templates import set_chat_template
    from core.data.tokenize.tokenizer import load_tokenizer

    options = data_options(args)
    folder = hub.locate(args.model)
    if folder is None:
        raise UserError(f"{args.model} is not on this machine yet; choose a model that is, such as starter.")
    tokenizer = load_tokenizer(folder)
    note = set_chat_template(tokenizer, options.chat_template) if options.chat_template else ""
    end_of_turn = find_end_of_turn(tokenizer)
    path = _local_path(args.file)
    reading: dict[str, Any] = {
        "columns": options.columns,
        "exclude": options.exclude,
        "fill_in": options.fill_in,
    }
    encoding: dict[str, Any] = {"train_on": options.train_on, "max_len": options.max_seq_len}
    eval_path = _local_path(options.eval_path) if options.eval_path else None
    facts = summarize_dataset(path, args.kind, tokenizer, held_out=eval_path, **reading, **encoding)
    if not facts["usable"]:
        errors = [f for f in facts["findings"] if f["severity"] == "error"]
        counts = Counter(f["code"] for f in errors)  # the most frequent problem says most, where it is met first
        frequent = max(errors, key=lambda f: counts[f["code"]], default=None)
        raise BadData(_finding(frequent) if frequent else f"{args.file} holds no row to learn from.")
    examples = preview_files(path, args.kind, args.rows, **reading).examples[: args.rows]
    texts = [text for example in examples for text in inspect_example(example, tokenizer, **encoding)]
    if args.json:
        facts["end_of_turn"] = {"token": end_of_turn.token, "stops": end_of_turn.stops}
        out(json.dumps(facts | {"seen": [_to_plain(text) for text in texts]}, indent=2, ensure_ascii=False))
        return 0
    for line in _summary_lines(facts, note, end_of_turn.describe()):
        out(line)
    for text in texts:
        cut_note = f", {text.cut} cut" if text.cut else ""
        out(f"\nLine {text.line}: {text.count} tokens, {text.learned} learned{cut_note}. {text.note}".rstrip())
        out(_mark_targets(text.tokens))
    return 0


def add_data_flags(command: Any, keys: Collection[str]) -> None:
    """These options of a run's data as flags of a command."""
    for key, o in _options():
        if key in keys:
            add_flag(command, "option", key, o)


def _options() -> list[tuple[str, Option]]:
    return [(key, o) for key, o in list_options(DEFAULT_METHOD) if key in _OPTIONS]


def data_options(args: Any) -> Data:
    """The section [data] of a run with the flags of add_data_flags(). Raises BadOption."""
    run = Run()
    for key, o in _options():
        if hasattr(args, f"option:{key}"):
            run = run.replace(key, parse(replace(o, name=o.flag), getattr(args, f"option:{key}")))
    return run.data


def _local_path(path: str) -> str:
    """Where the dataset lies on this machine, after a download where it is a Hugging Face id."""
    return Walked(hub.fetch_data(path)).finish()


def _summary_lines(facts: dict[str, Any], note: str, end: str) -> Iterator[str]:
    yield facts["format"]
    lengths = facts["lengths"]
    yield (
        f"{lengths['shortest']:,} to {lengths['longest']:,} tokens, half of the rows up to {lengths['median']:,}; "
        f"a maximum of {lengths['max_len']:,} cuts {lengths['cut']:,} of {lengths['looked_at']:,} rows looked at."
    )
    yield end
    if note:
        yield note
    for finding in facts["findings"][:_MAX_FINDINGS]:
        yield f"  {_finding(finding)}"
    more = sum(facts["problems"].values()) - _MAX_FINDINGS
    if more > 0:
        yield f"  ... and {more:,} more findings; --json lists them."


def _finding(finding: dict[str, Any]) -> str:
    """A finding, and what Hone did or can do about it."""
    return " ".join([str(Finding(**finding)), *([finding["fix"]] if finding["fix"] else [])])


def _to_plain(text: Any) -> dict[str, Any]:
    tokens = [{"text": t.text, "id": t.id, "learned": t.learned} for t in text.tokens]
    values = {name: getattr(text, name) for name in ("line", "count", "learned", "cut", "note")}
    return values | {"tokens": tokens}


def _mark_targets(tokens: Any) -> str:
    """The text with what is learned in ⟦ ⟧."""
    text, inside = "", False
    for token in tokens:
        if token.learned != inside:
            text += "⟦" if token.learned else "⟧"
            inside = token.learned
        text += token.text
    return text + ("⟧" if inside else "")
