"""The methods as goals: their groups, whether the chosen data suit them, and which need a second model. No Qt."""

from dataclasses import dataclass

from app.desktop.language import tr
from app.runs.labels import data_label
from core import methods
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.errors import UserError
from core.methods import GROUPS, GoalGroup
from core.options import Option, describe
from core.run import DEMO, Run

_SAMPLE_ROWS = 20  # are read to see which kinds of data a file holds
_OTHER_MODELS = ("teacher", "reference")  # options that name a model beside the one that learns

# Rows with marks or pairs can be read as plain answers too, and those as questions: what says most stands first.
_LIKELIEST = (PAIRS, UNPAIRED, TEXT, QUESTIONS)

# What data lack that do not hold rows of a kind.
LACKS = {
    TEXT: tr("no answers to learn from"),
    PAIRS: tr("no pairs of a better and a worse answer"),
    UNPAIRED: tr("no answers marked good or bad"),
    QUESTIONS: tr("no questions with a right answer to check against"),
}


@dataclass(frozen=True)
class Goals:
    """The methods of one group, the one to begin with first."""

    group: GoalGroup
    methods: tuple[str, ...]


def groups() -> list[Goals]:
    """Every method in its group: the groups in their order, then those that only a method itself names."""
    members: dict[GoalGroup, list[str]] = {group: [] for group in GROUPS}
    for name, spec in sorted(methods.load().items(), key=lambda item: (item[1].group_rank, item[0])):
        members.setdefault(spec.group, []).append(name)
    return [Goals(group, tuple(names)) for group, names in members.items() if names]


def unsuited_reasons(run: Run) -> dict[str, str]:
    """The reason for each method that the run's data do not suit.

    Empty for the sample data, which suit every method, and for data that are not on this computer yet. Reads a few
    rows: call it on a task's thread.
    """
    if run.data.path == DEMO:
        return {}
    kinds = {spec.data for spec in methods.load().values()}
    missing = {kind for kind in kinds if not _is_readable(run, kind)}
    if missing == kinds:
        return {}  # it is the file that is wrong, and the data step says how
    name = data_label(run)
    return {
        key: tr("{name} has {lacks}.", name=name, lacks=LACKS[spec.data])
        for key, spec in methods.load().items()
        if spec.data in missing
    }


@dataclass(frozen=True)
class Misfit:
    """Data that are in order for another method than the chosen one."""

    reason: str  # what they lack for the chosen one
    fitting: tuple[str, ...]  # the methods that they suit, the likeliest first

    @property
    def sentence(self) -> str:
        """What to do, for people: "This fits KTO"."""
        first, *others = (tr(methods.load()[name].title) for name in self.fitting)
        return tr("This fits {first}", first=first) + (
            tr(", and also {others}.", others=tr(" and ").join(others)) if len(others) == 1 else "."
        )


def find_misfit(run: Run) -> Misfit | None:
    """The methods that the run's data suit where they do not suit its own; None where they do, or suit none.

    Reads a few rows: call it on a task's thread.
    """
    reasons = unsuited_reasons(run)
    if run.method not in reasons:
        return None
    order = [name for group in groups() for name in group.methods if name not in reasons]
    first_of_kind = {methods.load()[name].data: name for name in reversed(order)}
    fitting = tuple(first_of_kind[kind] for kind in _LIKELIEST if kind in first_of_kind)
    return Misfit(reasons[run.method], fitting) if fitting else None


def find_richer(run: Run) -> tuple[str, str] | None:
    """(a method, a sentence) where SFT would leave out half of what the data say: worse or bad answers; else None.

    Reads a few rows: call it on a task's thread.
    """
    if run.method != methods.DEFAULT_METHOD or run.data.path == DEMO:
        return None
    kind = next((kind for kind in (PAIRS, UNPAIRED) if _is_readable(run, kind)), None)
    if kind is None:
        return None
    name = next(name for group in groups() for name in group.methods if methods.load()[name].data == kind)
    richer, title = tr(methods.load()[name].title), tr(run.spec.title)
    if kind == PAIRS:
        return name, tr(
            "{richer} learns from the better and the worse answers, {title} from the better ones alone.",
            richer=richer,
            title=title,
        )
    return name, tr(
        "{richer} learns from the good and the bad answers, {title} from the good ones alone.",
        richer=richer,
        title=title,
    )


def demo_run() -> Run:
    """The demo: the default method, the starter model and the sample data, whatever the draft holds."""
    return Run()


def _is_readable(run: Run, kind: str) -> bool:
    from core.data.preview.scan import preview_files

    d = run.data
    try:
        return bool(
            preview_files(d.path, kind, _SAMPLE_ROWS, columns=d.columns, exclude=d.exclude, fill_in=d.fill_in).examples
        )
    except UserError:
        return False


def other_model_option(run: Run) -> Option | None:
    """The option of the run's method that names another model: a teacher or a reference."""
    options = {o.name: o for o in describe(type(run.options)) if not o.choices}
    return next((options[name] for name in _OTHER_MODELS if name in options), None)


def missing_model_reason(run: Run) -> str:
    """Why the run cannot do without another model, or ""."""
    option = other_model_option(run)
    if option is not None and option.name == "teacher" and not run.options.teacher:
        return tr("Choose a teacher: the larger model to learn from.")
    return ""
