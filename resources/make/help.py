"""Write resources/help and README's table of methods from the code: python -m resources.make.help

Every page of the help is generated; a test generates them again and compares. Options, methods, rewards and precisions
are described once, where they are defined.
"""

import re
from collections.abc import Iterable

from core import methods
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.export.targets import TARGETS
from core.model.families import FAMILIES
from core.options import Option, describe
from core.quant.modes import MODES
from core.resources import FOLDER
from core.rewards import REASONING_WEIGHTS, REWARDS
from core.run import Run, sections

HELP = FOLDER / "help"
README = FOLDER.parent / "README.md"
_TABLE_BEGIN, _TABLE_END = "<!-- methods: python -m resources.make.help -->", "<!-- end of methods -->"

_DATA = {
    TEXT: "conversations, questions with answers, or plain text",
    PAIRS: "a question with a better and a worse answer",
    UNPAIRED: "an answer marked good or bad",
    QUESTIONS: "questions whose answers can be checked",
}
_GROUPS = {"model": "Model", "data": "Data", "adapter": "What is trained", "train": "Training"}


def pages() -> dict[str, str]:
    """The text of each page by its file's name."""
    texts = {
        "methods.md": _methods(),
        "options.md": _options(),
        "models.md": _models(),
        "precision.md": _precision(),
        "rewards.md": _rewards(),
        "results.md": _results(),
    }
    return {name: _escape_tags(text) for name, text in texts.items()}


def _escape_tags(text: str) -> str:
    """The Markdown with tags such as <think> as text, outside of code, which would be taken for HTML."""
    return re.sub(r"(`[^`]*`)|<(?=/?[a-z])", lambda match: match[1] or "\\<", text)


def _results() -> str:
    parts = [
        "# Using a result\n\nWhere what was learned can go: in the window under **Use it** on the page of a finished run, "
        "and with `hone export RUN --to TARGET`. What cannot be made says why before it begins; what is written is "
        "loaded again and compared. **Runs** and **Chat** lead to the list as well, for any adapter."
    ]
    for name, target in TARGETS.items():
        facts = [
            f"- **Command:** `hone export RUN --to {name}{' --output OWNER/NAME' if name == 'hub' else ' --output PLACE' if target.needs_output else ''}`"
        ]
        if len(target.forms) > 1:
            facts.append(f"- **Forms:** {', '.join(f'`{form}`' for form in target.forms)}; the first is the usual one.")
        if target.adapter_only:
            facts.append("- **Needs:** an adapter; where all weights were trained there is none.")
        parts.append("\n".join([f"## {target.title}\n", f"{target.sentence}\n", *facts]))
    parts.append(
        "## A server on this computer\n\nPrograms that know OpenAI's API ask the result at an address on this computer, "
        "until it is stopped or Hone closes.\n\n- **Command:** `hone serve RUN`"
    )
    return "\n\n".join(parts) + "\n"


def _methods() -> str:
    parts = [
        "# Methods\n\nHow a model can learn. Each is a goal in the window, a command, and a function of `core.easy`."
    ]
    parts.append(needs_table())
    for spec in methods.load().values():
        paper = f"[{spec.paper}](https://arxiv.org/abs/{spec.paper.removeprefix('arXiv:')})"
        rates = f"{spec.learning_rate:g} with LoRA or DoRA, {spec.learning_rate_full:g} when every weight is trained"
        facts = [
            f"- **Needs:** {spec.needs} Data: {_DATA[spec.data]}.",
            f"- **Memory and time:** {spec.cost}",
            f"- **Usual learning rate:** {rates}.",
            f"- **Source:** {paper}" if spec.paper.startswith("arXiv:") else f"- **Source:** {spec.paper}",
        ]
        options = describe(spec.options)
        option_list = _list(options) if options else "No options of its own."
        intro = f"## {spec.title}\n\n*{spec.goal}.* {spec.summary}\n\n`{_command(spec)}`\n\n"
        parts.append(intro + "\n".join(facts) + "\n\n" + option_list)
    return "\n\n".join(parts) + "\n"


def _command(spec: methods.Method) -> str:
    return "hone train" if spec.name == methods.DEFAULT_METHOD else f"hone {spec.name}"


def methods_table() -> str:
    """README's table: what somebody has, the method for it, its command, and its function in core.easy."""
    specs = sorted(methods.load().values(), key=lambda s: (_group_place(s), s.group_rank, s.name))
    rows = [(f"{s.goal}.", s.title, f"`{_command(s)}`", f"`{_function(s)}`") for s in specs]
    return _grid(("", "method", "command", "from `core.easy`"), rows) + "\n\n" + needs_table()


def needs_table() -> str:
    """What each method needs, and what memory and time it takes: in the help, and in README."""
    specs = sorted(methods.load().values(), key=lambda s: (_group_place(s), s.group_rank, s.name))
    return _grid(("method", "you need", "memory and time"), [(s.title, s.needs, s.cost) for s in specs])


def _group_place(spec: methods.Method) -> int:
    return methods.GROUPS.index(spec.group) if spec.group in methods.GROUPS else len(methods.GROUPS)


def _function(spec: methods.Method) -> str:
    name = "finetune" if spec.name == methods.DEFAULT_METHOD else spec.name
    return f"{name}(model, dataset, teacher)" if spec.divergence else f"{name}(model, dataset)"


def fill_readme(text: str) -> str:
    """README with its table of methods generated anew. Raises ValueError where the markers of the table are missing."""
    if _TABLE_BEGIN not in text or _TABLE_END not in text:
        raise ValueError(f"README.md has no lines {_TABLE_BEGIN!r} and {_TABLE_END!r}")
    head, tail = text.split(_TABLE_BEGIN)[0], text.split(_TABLE_END)[1]
    return f"{head}{_TABLE_BEGIN}\n\n{methods_table()}\n\n{_TABLE_END}{tail}"


def _options() -> str:
    intro = (
        "# Options\n\nThose of every method; a method's own stand with the [methods](methods.md). "
        "Each has a flag on the command line and a place in `run.toml`, under the heading's name in brackets. "
        "Unknown options are refused."
    )
    parts = [intro, "## Run\n\n" + _list(o for o in describe(Run) if o.name != "method")]
    for name, group in sections(methods.DEFAULT_METHOD).items():
        if name in _GROUPS:
            parts.append(f"## {_GROUPS[name]} `[{name}]`\n\n" + _list(describe(group)))
    return "\n\n".join(parts) + "\n"


def _models() -> str:
    rows = [
        (
            family.title,
            ", ".join(f"`{k}`" for k in family.kinds),
            f"Not supported: {family.unsupported}." if family.unsupported else family.limits,
        )
        for family in FAMILIES
    ]
    return (
        "# Models\n\n"
        "Any model that mlx-lm loads can be tried. These families are tried by the tests: a small random model of each, "
        "in every base precision, with an adapter on every linear layer, one step, saved and loaded again.\n\n"
        + _grid(("family", "model_type in config.json", "to know"), rows)
        + "\n"
    )


def _precision() -> str:
    rows = []
    for mode in MODES.values():
        block = str(mode.block) if mode.block else "a row"
        bits = f"{mode.stored_bits():.2f}".rstrip("0").rstrip(".")
        double = f", {mode.stored_bits(True):.2f} with packed scales" if mode.double else ""
        rows.append((f"`{mode.name}`", mode.title, "MLX" if mode.mlx else "bitsandbytes", block, bits + double))
    words = "\n".join(f"- `{mode.name}`: {mode.summary}" for mode in MODES.values())
    return (
        "# Base precision\n\n"
        "`--quantization` stores the base model's weights in fewer bits; the adapter stays in full precision. "
        "`nf4`, `fp4` and `int8` equal bitsandbytes number for number; the others are MLX's own formats.\n\n"
        + _grid(("name", "title", "as", "weights to a scale", "bits a weight"), rows)
        + "\n\n"
        + words
        + "\n"
    )


def _rewards() -> str:
    rows = [
        (f"`{name}`", r.title, r.sentence, f"{REASONING_WEIGHTS[name]:g}" if name in REASONING_WEIGHTS else "")
        for name, r in REWARDS.items()
    ]
    with_rewards = sorted((s for s in methods.load().values() if s.on_policy), key=lambda spec: spec.group_rank)
    titles = " and ".join(spec.title for spec in with_rewards)
    return (
        f"# Rewards\n\nWhat scores an answer in {titles}: `--rewards numeric=1,format=0.2`. "
        "The last column is what `--reasoning-rewards` stands for.\n\n"
        + _grid(("name", "title", "what it checks", "reasoning"), rows)
        + "\n"
    )


def _list(options: Iterable[Option]) -> str:
    return "\n".join(_entry(o) for o in options)


def _entry(o: Option) -> str:
    flag = f"`{o.flag}`" + (f", `--no-{o.flag[2:]}`" if o.type is bool else "")
    key = f"in run.toml `{o.name}`" if o.flag[2:].replace("-", "_") != o.name else ""
    facts = "; ".join(fact for fact in (f"default {_usual(o)}", _range(o), key) if fact)
    return f"- **{o.label}** {flag}: {o.help} {o.when}".rstrip() + f" *({facts})*"


def _usual(o: Option) -> str:
    if o.default is None:
        return o.unset
    if o.type is bool:
        return "on" if o.default else "off"
    if o.type is tuple:
        return ", ".join(o.default) or "none"
    return f"{o.default:g}" if o.type is float else str(o.default)


def _range(o: Option) -> str:
    if o.choices:
        return ", ".join(f"`{c}`" for c in o.choices)
    if o.low is not None and o.high is not None:
        return f"{_number(o.low)} to {_number(o.high)}"
    return ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _grid(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def main() -> None:
    HELP.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HELP / name).write_text(text, encoding="utf-8")
    README.write_text(fill_readme(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
