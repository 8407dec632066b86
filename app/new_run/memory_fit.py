"""How much memory a run would take, in words, before anything is loaded. No Qt; belongs on a task's thread."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.desktop.language import keep_together, tr
from app.desktop.machine import format_bytes
from app.preview import dataset_reader
from app.threads import core_calls
from core.data.kinds import PAIRS
from core.errors import UserError
from core.run import Run

if TYPE_CHECKING:
    from core.data.format.example import Example

_CHARACTERS = 3.0  # of a token, at the least: the estimate errs towards too many tokens rather than too few
_ROWS = 200  # looked at for the longest


FITS, TIGHT, TOO_BIG = "good", "warn", "bad"  # tones of the badge as well
_EASY = 0.8  # of the memory that can be used: up to here a run fits easily


@dataclass(frozen=True)
class MemoryFit:
    """The memory of a run: `amount` such as "5 to 7 GB"; `advice` says what to try where it is too much, or "".

    `need` and `usable` are bytes: the middle of what it takes, and what can be used.
    """

    amount: str
    advice: str = ""
    need: int = 0
    usable: int = 0

    @property
    def sentence(self) -> str:
        """The small line below a choice."""
        return self.advice or tr("About {amount} of memory", amount=self.amount)

    @property
    def state(self) -> str:
        """FITS, TIGHT or TOO_BIG."""
        if self.advice:
            return TOO_BIG
        return FITS if self.need <= _EASY * self.usable else TIGHT

    @property
    def badge(self) -> str:
        """A few words for a model's card: "Fits (about 6 of 11 GB)"."""
        amount = {name: keep_together(format_bytes(getattr(self, name))) for name in ("need", "usable")}
        if self.state == TOO_BIG:
            if "nf4" in self.advice:
                return tr("Too big: try 4 bits")
            return tr("Too big (about {need} of {usable})", **amount)
        if self.state == TIGHT:
            return tr("Tight (about {need} of {usable})", **amount)
        return tr("Fits (about {need} of {usable})", **amount)


def estimate_memory(runs: Mapping[Any, Run], config: dict[str, Any] | None = None) -> dict[Any, MemoryFit]:
    """Each run's memory, for runs over the same data and model. Empty where its memory cannot be estimated, and while
    the model is not on this computer, unless its `config` is given."""
    first_run = next(iter(runs.values()))
    try:
        folder = core_calls.find_model(first_run.model.path, first_run.model.revision)
        tokens = count_longest_row(first_run)
    except UserError:
        return {}
    if folder is None and not config:
        return {}
    return _estimate({key: (run, folder, config) for key, run in runs.items()}, tokens)


def estimate_models(run: Run, models: Mapping[str, "Path | dict[str, Any]"]) -> dict[str, MemoryFit]:
    """The memory of the run with each of these models in place of its own: its folder, or its config.json."""
    try:
        tokens = count_longest_row(run)
    except UserError:
        return {}
    plans = {
        path: (run.replace("model.path", path), *((model, None) if isinstance(model, Path) else (None, model)))
        for path, model in models.items()
    }
    return _estimate(plans, tokens)


def _estimate(plans: Mapping[Any, tuple[Run, Path | None, dict[str, Any] | None]], tokens: int) -> dict[Any, MemoryFit]:
    """The memory of each (run, folder of its model, config.json where it has none), where it can be estimated."""
    if not plans:
        return {}
    facts = core_calls.machine_facts()
    usable = facts.machine.get("gpu_memory_bytes") or facts.machine["memory_bytes"]
    device = core_calls.backend_report(next(iter(plans.values()))[0].backend)["used"]
    estimates = {}
    for key, (run, folder, config) in plans.items():
        estimate = core_calls.memory_estimate(run, folder, device, tokens, usable, config)
        if estimate is not None:
            estimates[key] = MemoryFit(*estimate, usable)
    return estimates


def count_longest_row(run: Run) -> int:
    """About how many tokens the longest of the first rows has, the two texts of a pair counted together.

    Raises UserError where the data cannot be read.
    """
    texts = 2 if run.spec.precomputed else 1  # some methods put a mismatched answer beside a row's own
    limit = run.data.max_seq_len * (2 if run.spec.data == PAIRS else texts)
    characters = max((_count_characters(example) for example in _first_examples(run)), default=0)
    tokens = texts * (round(characters / _CHARACTERS) + 32)  # the chat template adds about 32 tokens
    if run.spec.on_policy:
        tokens += run.options.max_completion_length
    elif run.on_policy_share:
        tokens = max(tokens, run.options.max_new_tokens)
    return min(limit, tokens)


def _first_examples(run: Run) -> "Iterable[Example]":
    from core.data.preview.scan import FilePreview

    for item in dataset_reader.read_data(run):
        if isinstance(item, FilePreview):
            return item.examples[:_ROWS]
    return ()


def _count_characters(example: "Example") -> int:
    parts = [example.prompt, example.completion, example.text, example.chosen, example.rejected, example.messages]
    prompt = example.prompt or example.messages if example.rejected is not None else None  # stands before both answers
    return sum(_text_length(part) for part in (*parts, prompt))


def _text_length(text: Any) -> int:
    """Characters of a text or of a list of messages."""
    if text is None:
        return 0
    return len(text) if isinstance(text, str) else sum(len(str(m.get("content") or "")) for m in text)
