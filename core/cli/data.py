"""hone data inspect FILE: what a dataset holds and what the model would see of it."""

import json
from typing import Any

from core import methods
from core.cli import Out
from core.errors import UserError

KINDS = (methods.TEXT, methods.PAIRS, methods.THUMBS, methods.QUESTIONS)


def add(commands: Any) -> None:
    command = commands.add_parser("data", help="Look at a dataset.", description="Look at a dataset.")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    inspect = actions.add_parser("inspect", help="Format, rows, problems, and what the model sees.")
    inspect.add_argument("file", help="A file, or 'demo'.")
    inspect.add_argument(
        "--kind", choices=KINDS, default=methods.TEXT, help="Shape of data the method needs. Default: text."
    )
    inspect.add_argument(
        "--model", default="starter", metavar="TEXT", help="Whose tokenizer and template. Default: starter."
    )
    inspect.add_argument("--train-on", choices=("answers", "last", "all"), default="answers", help="What is learned.")
    inspect.add_argument(
        "--max-seq-len", type=int, default=2048, metavar="N", help="Longest row in tokens. Default: 2048."
    )
    inspect.add_argument("--rows", type=int, default=3, metavar="N", help="Rows to show token by token. Default: 3.")
    inspect.add_argument("--json", action="store_true", help="Print JSON.")
    inspect.set_defaults(command=run)
    command.set_defaults(command=run)


def run(args: Any, out: Out) -> int:
    from core.data.inspect import seen, summary
    from core.data.load import load
    from core.data.tokenizer import load_tokenizer
    from core.model.hub import locate

    dataset = load(args.file, args.kind)
    folder = locate(args.model)
    if folder is None:
        raise UserError(f"{args.model} is not on this machine yet; choose a model that is, such as starter.")
    tokenizer = load_tokenizer(folder)
    rows = [seen(e, tokenizer, train_on=args.train_on, max_len=args.max_seq_len) for e in dataset.examples[: args.rows]]
    facts = summary(dataset)
    if args.json:
        shown = [
            {
                "line": r.line,
                "count": r.count,
                "learned": r.learned,
                "cut": r.cut,
                "note": r.note,
                "tokens": [{"text": t.text, "id": t.id, "learned": t.learned} for t in r.tokens],
            }
            for r in rows
        ]
        out(json.dumps(facts | {"seen": shown}, indent=2, ensure_ascii=False))
        return 0
    out(dataset.sentence)
    for finding in dataset.findings[:20]:
        out(f"  {finding}")
    if len(dataset.findings) > 20:
        out(f"  ... and {len(dataset.findings) - 20} more findings; --json lists them by kind.")
    for r in rows:
        cut = f", {r.cut} cut" if r.cut else ""
        out(f"\nLine {r.line}: {r.count} tokens, {r.learned} learned{cut}. {r.note}".rstrip())
        out(_marked(r.tokens))
    return 0


def _marked(tokens: Any) -> str:
    """The text with what is learned in ⟦ ⟧."""
    text, inside = "", False
    for token in tokens:
        if token.learned != inside:
            text += "⟦" if token.learned else "⟧"
            inside = token.learned
        text += token.text
    return text + ("⟧" if inside else "")
