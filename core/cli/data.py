"""hone data inspect FILE: what a dataset holds and what the model would see of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from core.cli import Print
from core.cli.train import add_flag
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.data.read.reader import Finding
from core.errors import BadData, UserError
from core.methods import DEFAULT_METHOD
from core.model import hub
from core.options import Option, parse
from core.run import Data, Run, list_options

KINDS = (TEXT, PAIRS, UNPAIRED, QUESTIONS)
_OPTIONS = ("data.eval_path", "data.max_seq_len", "data.train_on", "data.columns", "data.exclude", "data.fill_in",
            "data.chat_template")  # fmt: skip
_PRINTED = 20  # findings that are printed


def add(commands: Any) -> None:
    command = commands.add_parser("data", help="Look at a dataset.", description="Look at a dataset.")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    inspect = actions.add_parser("inspect", help="Format, rows, problems, lengths, and what the model sees.")
    inspect.add_argument("file", help="A file, a folder, a Hugging Face id, or 'demo'.")
    inspect.add_argument("--kind", choices=KINDS, default=TEXT, help="Shape of data the method needs. Default: text.")
    inspect.add_argument(
        "--model", default="starter", metavar="TEXT", help="Whose tokenizer and template. Default: starter."
    )
    inspect.add_argument("--rows", type=int, default=3, metavar="N", help="Rows to show token by token. Default: 3.")
    inspect.add_argument("--json", action="store_true", help="Print JSON.")
    for key, o in _options():
        add_flag(inspect, key, o)
    inspect.set_defaults(command=run)
    command.set_defaults(command=run)


def run(args: Any, out: Print) -> int:
    from core.data.preview.inspect import inspect_example, summarize_dataset
    from core.data.preview.scan import preview_files
    from core.data.tokenize.templates import set_chat_template
    from core.data.tokenize.tokenizer import load_tokenizer

    d = _data(args)
    folder = hub.locate(args.model)
    if folder is None:
        raise UserError(f"{args.model} is not on this machine yet; choose a model that is, such as starter.")
    tokenizer = load_tokenizer(folder)
    note = set_chat_template(tokenizer, d.chat_template) if d.chat_template else ""
    place = _place(args.file)
    reading: dict[str, Any] = {"columns": d.columns, "exclude": d.exclude, "fill_in": d.fill_in}
    encoding: dict[str, Any] = {"train_on": d.train_on, "max_len": d.max_seq_len}
    eval_place = _place(d.eval_path) if d.eval_path else None
    facts = summarize_dataset(place, args.kind, tokenizer, held_out=eval_place, **reading, **encoding)
    if not facts["usable"]:
        errors = [f for f in facts["findings"] if f["severity"] == "error"]
        raise BadData(_finding(errors[0]) if errors else f"{args.file} holds no row to learn from.")
    first = preview_files(place, args.kind, args.rows, **reading).examples[: args.rows]
    rows = [seen for example in first for seen in inspect_example(example, tokenizer, **encoding)]
    if args.json:
        out(json.dumps(facts | {"seen": [_plain(seen) for seen in rows]}, indent=2, ensure_ascii=False))
        return 0
    for line in _summary_lines(facts, note):
        out(line)
    for seen in rows:
        cut_note = f", {seen.cut} cut" if seen.cut else ""
        out(f"\nLine {seen.line}: {seen.count} tokens, {seen.learned} learned{cut_note}. {seen.note}".rstrip())
        out(_marked(seen.tokens))
    return 0


def _options() -> list[tuple[str, Option]]:
    """The options of a run's data that tell how it is read and shown."""
    return [(key, o) for key, o in list_options(DEFAULT_METHOD) if key in _OPTIONS]


def _data(args: Any) -> Data:
    run = Run()
    for key, o in _options():
        if hasattr(args, f"option:{key}"):
            run = run.replace(key, parse(replace(o, name=o.flag), getattr(args, f"option:{key}")))
    return run.data


def _place(path: str) -> str:
    """Where the dataset lies on this machine, after a download where it is a Hugging Face id."""
    download = hub.fetch_data(path)
    while True:
        try:
            next(download)
        except StopIteration as end:
            return str(end.value)


def _summary_lines(facts: dict[str, Any], note: str) -> Iterator[str]:
    yield facts["format"]
    lengths = facts["lengths"]
    yield (
        f"{lengths['shortest']:,} to {lengths['longest']:,} tokens, half of the rows up to {lengths['median']:,}; "
        f"a maximum of {lengths['max_len']:,} cuts {lengths['cut']:,} of {lengths['looked_at']:,} rows looked at."
    )
    if note:
        yield note
    for finding in facts["findings"][:_PRINTED]:
        yield f"  {_finding(finding)}"
    more = sum(facts["problems"].values()) - _PRINTED
    if more > 0:
        yield f"  ... and {more:,} more findings; --json lists them."


def _finding(finding: dict[str, Any]) -> str:
    return str(Finding(**finding))


def _plain(seen: Any) -> dict[str, Any]:
    tokens = [{"text": t.text, "id": t.id, "learned": t.learned} for t in seen.tokens]
    values = {name: getattr(seen, name) for name in ("line", "count", "learned", "cut", "note")}
    return values | {"tokens": tokens}


def _marked(tokens: Any) -> str:
    """The text with what is learned in ⟦ ⟧."""
    text, inside = "", False
    for token in tokens:
        if token.learned != inside:
            text += "⟦" if token.learned else "⟧"
            inside = token.learned
        text += token.text
    return text + ("⟧" if inside else "")
