"""The methods as goals: in which group each is shown, and whether the chosen data suit it. No Qt."""

from dataclasses import dataclass

from app.runs.labels import shown_data
from core import methods
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.errors import UserError
from core.options import Option, describe
from core.run import DEMO, Run

_LOOK = 20  # rows
_OTHERS = ("teacher", "reference")  # options that name a model beside the one that learns
_FIRST = ("sft", "dpo", "kto", "grpo", "distill")  # to begin with; the others of a group are for those who know why

# What data lack that cannot be read as a kind.
LACKS = {
    TEXT: "no answers to learn from",
    PAIRS: "no pairs of a better and a worse answer",
    UNPAIRED: "no answers marked good or bad",
    QUESTIONS: "no questions with a right answer to check against",
}


@dataclass(frozen=True)
class Group:
    """Goals that belong together."""

    title: str
    sentence: str
    methods: tuple[str, ...]


def groups() -> list[Group]:
    """Every method in its group, the one to begin with first."""
    found: dict[str, list[str]] = {}
    for name, spec in methods.load().items():
        found.setdefault(_group(spec), []).append(name)
    words = {
        "examples": ("Examples", "You have the answers it should learn to give."),
        "preferences": ("Preferences", "You have answers of both kinds, and know which are better."),
        "reasoning": ("Reasoning", "You have questions, and a rule that tells whether an answer is right."),
        "distillation": ("Distillation", "You have a larger model that already does it well."),
    }
    return [Group(*words[key], tuple(sorted(found[key], key=_rank))) for key in words if key in found]


def unsuited(run: Run) -> dict[str, str]:
    """For each method that the run's data cannot serve, why not. Empty for the sample data, which suit all of them,
    and for data that are not on this computer yet. Reads a few rows: belongs on a task's thread."""
    if run.data.path == DEMO:
        return {}
    kinds = {spec.data for spec in methods.load().values()}
    lacking = {kind for kind in kinds if not _readable(run, kind)}
    if lacking == kinds:
        return {}  # it is the file that is wrong, and the data step says how
    name = shown_data(run)
    return {key: f"{name} has {LACKS[spec.data]}." for key, spec in methods.load().items() if spec.data in lacking}


def demo(run: Run) -> Run:
    """The demo for the goal that is chosen: the starter model and the sample data. SFT where it needs a model more."""
    return Run(method="sft" if _group(run.spec) == "distillation" else run.method)


def _readable(run: Run, kind: str) -> bool:
    from core.data.preview.scan import head

    d = run.data
    try:
        return bool(head(d.path, kind, _LOOK, columns=d.columns, exclude=d.exclude, fill_in=d.fill_in).examples)
    except UserError:
        return False


def _group(spec: methods.Method) -> str:
    if any(o.name == "teacher" for o in describe(spec.options)):
        return "distillation"
    if spec.data in (PAIRS, UNPAIRED):
        return "preferences"
    return "reasoning" if spec.on_policy else "examples"


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def wanted(run: Run) -> Option | None:
    """The option of the run's method that names another model."""
    found = {o.name: o for o in describe(type(run.options)) if not o.choices}
    return next((found[name] for name in _OTHERS if name in found), None)


def lacking(run: Run) -> str:
    """Why the run cannot do without another model, or ""."""
    found = wanted(run)
    if found is not None and found.name == "teacher" and not run.options.teacher:
        return "Choose a teacher: the larger model to learn from."
    return ""
