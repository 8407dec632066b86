"""How much memory a run would take, in words, before anything is loaded. No Qt; belongs on a task's thread."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.preview import dataset_reader
from app.threads import core_calls
from core.data.kinds import PAIRS
from core.errors import UserError
from core.run import Run

if TYPE_CHECKING:
    from core.data.format.example import Example

_LETTERS = 3.0  # of a token, at least: what is too long is told rather than what is too short
_ROWS = 200


@dataclass(frozen=True)
class Fit:
    """What a run takes: `words` such as "5 to 7 GB", and what to try where that is too much, "" where it fits."""

    words: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        """For below a choice."""
        return self.advice or f"About {self.words} of memory"


def fits(runs: Mapping[Any, Run]) -> dict[Any, Fit]:
    """Each run's memory, for runs over the same data and model. Empty while the model is not on this computer."""
    some = next(iter(runs.values()))
    try:
        folder = core_calls.find_model(some.model.path, some.model.revision)
        tokens = longest(some)
    except UserError:
        return {}
    if folder is None:
        return {}
    facts = core_calls.machine_facts()
    usable = facts.machine.get("gpu_memory_bytes") or facts.machine["memory_bytes"]
    device = core_calls.backend_report(some.backend)["used"]
    found = {}
    for key, run in runs.items():
        about = core_calls.memory_estimate(run, folder, device, tokens, usable)
        if about is not None:
            found[key] = Fit(*about)
    return found


def longest(run: Run) -> int:
    """About how many tokens the longest of the first rows has, two texts of a pair together. Raises UserError."""
    mismatched = 2 if run.spec.precomputed else 1  # answers beside a row's own
    most = run.data.max_seq_len * (2 if run.spec.data == PAIRS else mismatched)
    letters = max((_letters(e) for e in _examples(run)), default=0)
    wanted = mismatched * (round(letters / _LETTERS) + 32)  # what the chat template adds
    if run.spec.on_policy:
        wanted += run.options.max_completion_length
    elif run.on_policy_share:
        wanted = max(wanted, run.options.max_new_tokens)
    return min(most, wanted)


def _examples(run: Run) -> "Iterable[Example]":
    from core.data.preview.scan import Head

    for item in dataset_reader.read(run):
        if isinstance(item, Head):
            return item.examples[:_ROWS]
    return ()


def _letters(example: "Example") -> int:
    parts = [example.prompt, example.completion, example.text, example.chosen, example.rejected, example.messages]
    asked = example.prompt or example.messages if example.rejected is not None else None  # stands before both answers
    return sum(_size(part) for part in (*parts, asked))


def _size(part: Any) -> int:
    if part is None:
        return 0
    return len(part) if isinstance(part, str) else sum(len(str(m.get("content") or "")) for m in part)
