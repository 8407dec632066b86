"""What a run has cost: how much worse the model became on general text, in numbers and in a sentence."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.text.sentence import say
from core.training.paired_tests import sign_flip_test

FILE = "forgetting.json"  # in a run's folder, and as report.md and the window read it
METRIC = "general_loss"  # in the metrics before and after training
# The mean loss must rise by this share, and p must be below this, before it is said that the model forgot.
CLEAR_SHARE, CLEAR_P = 0.02, 0.01
MUCH = 0.2  # from this share on it takes away from a good verdict: a fifth more loss is no small price
FEWEST_TEXTS = 6  # of which the model knew something: fewer say nothing


@dataclass(frozen=True)
class General:
    """What a model makes of general text."""

    losses: list[float | None]  # of each neutral text, in nats per token; None where it could not be measured
    answers: list[str] = field(default_factory=list)  # to the general questions


@dataclass(frozen=True)
class Forgetting:
    """The same neutral texts before and after training. Losses are means over texts, in nats per token."""

    texts: int  # that are compared
    before: float
    after: float
    p: float  # how likely such a difference is by chance

    @property
    def share(self) -> float:
        """By how much of what it was the loss rose; below 0 where it fell."""
        return self.after / self.before - 1 if self.before else 0.0

    @property
    def forgot(self) -> bool:
        """Whether the model is worse by more than a little, and by more than chance."""
        return self.share >= CLEAR_SHARE and self.p < CLEAR_P


def compare(before: Sequence[float | None], after: Sequence[float | None], vocabulary: int) -> Forgetting | None:
    """What became of the texts that the model knew something of (known_texts); None where these are too few.

    `before` and `after` are losses of the same texts, in nats per token.
    """
    pairs = [
        (a, b)
        for i in known_texts(before, vocabulary)
        if (a := before[i]) is not None and (b := after[i]) is not None and math.isfinite(b)
    ]
    if len(pairs) < FEWEST_TEXTS:
        return None
    first, last = (sum(losses) / len(pairs) for losses in zip(*pairs, strict=True))
    return Forgetting(len(pairs), first, last, sign_flip_test([b - a for a, b in pairs]))


def known_texts(losses: Sequence[float | None], vocabulary: int) -> list[int]:
    """Indices of the texts that a model predicts better than by guessing among `vocabulary` tokens, at log(vocabulary).

    Of the others nothing can be forgotten.
    """
    blind = math.log(vocabulary)
    return [i for i, loss in enumerate(losses) if loss is not None and loss < blind]


_ADVICE = say("fewer epochs or a lower learning rate keep more")


def describe(forgetting: Forgetting | None, advice: str = _ADVICE) -> str:
    """A sentence where the model forgot, "" where it did not."""
    if forgetting is None or not forgetting.forgot:
        return ""
    share = forgetting.share
    worse = (
        say("{share:.0%} worse", share=share)
        if share < 1
        else say("its loss is {times:.1f} times as high", times=1 + share)
    )
    if not advice:
        return say("It forgot: {worse} on general text.", worse=worse)
    return say("It forgot: {worse} on general text; {advice}.", worse=worse, advice=advice)


@dataclass
class Record:
    """The contents of forgetting.json: what the model made of general text before training, and after."""

    questions: list[str]
    vocabulary: int  # tokens that the tokenizer knows
    before: General
    after: General | None = None

    def to_json(self) -> str:
        """The file's text, with null for what is no number."""
        return json.dumps(_finite(asdict(self)), ensure_ascii=False, allow_nan=False, indent=1)

    @property
    def forgetting(self) -> Forgetting | None:
        """The comparison, where there is one."""
        return compare(self.before.losses, self.after.losses, self.vocabulary) if self.after else None

    def answers(self) -> list[tuple[str, str, str]]:
        """(question, answer before training, answer after it), as many as are there."""
        after = self.after.answers if self.after else []
        return list(zip(self.questions, self.before.answers, after, strict=False))


def read(folder: Path) -> Record | None:
    """What a run's folder has; None where nothing was measured or the file cannot be read."""
    try:
        values = json.loads((folder / FILE).read_text(encoding="utf-8"))
        before, after = values.pop("before"), values.pop("after")
        record = Record(**values, before=General(**before), after=General(**after) if after else None)
        return record if record.forgetting or record.answers() or not after else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _finite(value: object) -> object:
    """The same value with None in the place of NaN and infinity, which JSON cannot hold."""
    if isinstance(value, dict):
        return {name: _finite(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
