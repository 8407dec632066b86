"""Put the window's translations in order: python -m resources.make.languages [--missing]

Sorts `resources/languages/<code>.json`, drops texts that are no longer used and says how many have no translation;
with --missing it prints those, as JSON to be filled in. `--add FILE` takes such a filled-in file into the language that
its name says ("de.json"). Texts are what app/ gives to tr() and tr_count() as literals, and what the core says of its
options, methods, families, formats, rewards and targets of an export, and what either gives to say().
"""

import argparse
import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

from app.desktop.language import LANGUAGES
from core import methods
from core.distributed.machines import Machines
from core.export.targets import TARGETS
from core.model.families import FAMILIES
from core.options import describe
from core.quant.modes import MODES
from core.resources import FOLDER
from core.rewards import REWARDS
from core.run import list_options
from core.training.result_metrics import SAMPLE_METRICS

ROOT = FOLDER.parent
_FIELD = re.compile(r"\{[^}]*\}")
# Names of phases that are put together in the core.
_PHASES = {
    "Downloading model",
    "Downloading dataset",
    "Validating",
    "Validating before training",
    "Validating after training",
    "Writing sample answers before training",
    "Writing sample answers on the way",
    "Writing sample answers after training",
    "Measuring general text before training",
    "Measuring general text after training",
    "Asking the reference",
    "Asking the teacher",
}


class NotLiteral(ValueError):
    """A text that cannot be found in the code because it is put together."""


def texts() -> set[str]:
    """Every text that has to have a translation."""
    return window_texts() | described_texts()


def window_texts() -> set[str]:
    """The literals in app/ that go through tr() and tr_count()."""
    found = set()
    for path in sorted((ROOT / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found.update(_texts_of_call(node, path))
    return found


def _texts_of_call(node: ast.AST, path: Path) -> Iterator[str]:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return
    for argument in node.args[: {"tr": 1, "tr_count": 2}.get(node.func.id, 0)]:
        for part in _branches(argument):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value
            elif isinstance(part, ast.JoinedStr | ast.BinOp):
                raise NotLiteral(f"{path.relative_to(ROOT)}:{node.lineno}: tr() needs a literal with {{names}}")


def _branches(argument: ast.expr) -> list[ast.expr]:
    """The texts that `a if x else b` can be; other expressions stand for themselves."""
    if isinstance(argument, ast.IfExp):
        return _branches(argument.body) + _branches(argument.orelse)
    return [argument]


def described_texts() -> set[str]:
    """What the core says of its options, methods, families, formats, rewards and targets, where the window shows it."""
    found: set[str] = set()
    of_methods = [option for method in methods.load() for _, option in list_options(method)]
    for option in of_methods + [option for option in describe(Machines) if option.name != "hosts"]:
        found |= {option.label, option.help, option.when, option.unset, *option.labels.values()}
    for spec in methods.load().values():
        found |= {spec.title, spec.goal, spec.summary, spec.needs, spec.cost, spec.group.title, spec.group.sentence}
        for chart in spec.charts:
            found |= {
                chart.title,
                chart.sentence,
                *(m.legend for m in chart.metrics),
                *(m.title for m in chart.metrics),
            }
        found |= {text for criterion in spec.criteria for text in (criterion.says, criterion.short)}
    found |= {text for metric in SAMPLE_METRICS.values() for text in (metric.legend, metric.title)}
    for family in FAMILIES:
        found |= {family.limits, family.unsupported}
    for mode in MODES.values():
        found |= {mode.title, mode.summary}
    for reward in REWARDS.values():
        found |= {reward.title, reward.sentence}
    for target in TARGETS.values():
        found |= {target.title, target.sentence}
    return {text for text in found | phase_names() | sentences() if any(map(str.isalpha, _FIELD.sub("", text)))}


def sentences() -> set[str]:
    """The words of sentences that are said later, which are given to say() as literals."""
    found = set()
    for path in sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "app").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say" and node.args:
                words = node.args[0]
                found |= {words.value} if isinstance(words, ast.Constant) and isinstance(words.value, str) else set()
    return found


def phase_names() -> set[str]:
    """The names that the core gives to what it is doing, where they stand in the code as literals, and the others."""
    found = set(_PHASES)
    for path in sorted((ROOT / "core").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Phase" and node.args:
                name = node.args[0]
                found |= {name.value} if isinstance(name, ast.Constant) and isinstance(name.value, str) else set()
    return found


def names_in(text: str) -> set[str]:
    """The {names} in a text; none where its braces are not meant for format()."""
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        return set()


def load(code: str) -> dict[str, str]:
    """The translations of a language."""
    translations: dict[str, str] = json.loads(_path(code).read_text(encoding="utf-8"))
    return translations


def write(code: str, translations: dict[str, str]) -> None:
    """Write a language's file, sorted."""
    text = json.dumps(dict(sorted(translations.items())), ensure_ascii=False, indent=0)
    _path(code).write_text(text + "\n", encoding="utf-8")


def _path(code: str) -> Path:
    return FOLDER / "languages" / f"{code}.json"


def main() -> None:
    parser = argparse.ArgumentParser(description="Put the translations of the window's texts in order.")
    parser.add_argument("--missing", action="store_true", help="print the texts without a translation as JSON")
    parser.add_argument("--add", type=Path, help="a JSON file of translations; its name says the language")
    options = parser.parse_args()
    wanted = texts()
    for code in sorted(set(LANGUAGES) - {"en"}):
        translations = load(code)
        if options.add and options.add.stem == code:
            translations |= {key: text for key, text in json.loads(options.add.read_text("utf-8")).items() if text}
        write(code, {key: text for key, text in translations.items() if key in wanted})
        missing = sorted(wanted - set(translations))
        if options.missing:
            print(json.dumps(dict.fromkeys(missing, ""), ensure_ascii=False, indent=0))
        else:
            print(f"{code}: {len(wanted) - len(missing)} of {len(wanted)} texts")


if __name__ == "__main__":
    main()
