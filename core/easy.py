"""The short way in from Python: finetune("model", "data.jsonl").lora(16, 32).run()

Every call returns a new builder; nothing happens before run() or events().
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadOption
from core.events import Evaluated, Event, Finished, Sample, Started, Step
from core.run import Run, every_option


@dataclass(frozen=True)
class Result:
    """What a run left: its folder, every event, and the figures asked for most."""

    folder: Path
    events: tuple[Event, ...]
    finished: Finished

    @property
    def losses(self) -> list[float]:
        """Training loss of each step."""
        return [e.loss for e in self.events if isinstance(e, Step)]

    @property
    def held_out(self) -> list[tuple[int, float]]:
        """(step, loss) of each validation."""
        return [(e.step, e.loss) for e in self.events if isinstance(e, Evaluated)]

    @property
    def samples(self) -> list[Sample]:
        return [e for e in self.events if isinstance(e, Sample)]


@dataclass(frozen=True)
class Builder:
    """A run in the making."""

    asked: Run

    def set(self, key: str, value: Any) -> "Builder":
        """Any option, named as in run.toml ("train.learning_rate") or by its last part where that is unique.

        Raises BadOption for a name that does not exist or a value out of range.
        """
        if "." not in key:
            keys = [k for k, _ in every_option(self.asked.method) if k == key or k.endswith("." + key)]
            if len(keys) > 1:
                raise BadOption(f"{key!r} could mean {' or '.join(keys)}; name it in full.")
            key = keys[0] if keys else key
        return Builder(self.asked.replace(key, value))

    def lora(self, rank: int = 16, alpha: float | None = None, dropout: float = 0.0, targets: str = "all") -> "Builder":
        """Train a LoRA add-on; alpha is 2 × rank unless given."""
        built = self.set("adapter.type", "lora").set("adapter.rank", rank).set("adapter.alpha", alpha)
        return built.set("adapter.dropout", dropout).set("adapter.targets", targets)

    def dora(self, rank: int = 16, alpha: float | None = None, dropout: float = 0.0, targets: str = "all") -> "Builder":
        """Train a DoRA add-on: LoRA with a magnitude for each output."""
        return self.lora(rank, alpha, dropout, targets).set("adapter.type", "dora")

    def quantize(self, mode: str = "nf4", double: bool = False) -> "Builder":
        """Pack the model's weights while training: one of core.quant.MODES; with LoRA on top this is QLoRA."""
        return self.set("model.quantization", mode).set("model.double_quantization", double)

    def full(self) -> "Builder":
        """Train every weight."""
        return self.set("adapter.type", "full")

    def epochs(self, count: float) -> "Builder":
        return Builder(self.asked.replace("train.steps", None)).set("train.epochs", count)

    def steps(self, count: int) -> "Builder":
        return Builder(self.asked.replace("train.epochs", None)).set("train.steps", count)

    def learning_rate(self, rate: float) -> "Builder":
        return self.set("train.learning_rate", rate)

    def batch_size(self, rows: int, accumulate: int = 1) -> "Builder":
        return self.set("train.batch_size", rows).set("train.gradient_accumulation_steps", accumulate)

    def held_out(self, path: str | Path) -> "Builder":
        """A second file of rows that are never trained on."""
        return self.set("data.eval_path", str(path))

    def output(self, folder: str | Path) -> "Builder":
        return self.set("output", str(folder))

    def seed(self, number: int) -> "Builder":
        return self.set("train.seed", number)

    def events(self) -> Iterator[Event]:
        """Do the run, event by event. Raises UserError."""
        from core.train import train

        return train(self.asked)

    def run(self, watch: Callable[[Event], None] | None = None) -> Result:
        """Do the run to its end and return what it left; `watch` is called with each event. Raises UserError."""
        seen = []
        for event in self.events():
            seen.append(event)
            if watch:
                watch(event)
        started = next(e for e in seen if isinstance(e, Started))
        finished = seen[-1]
        assert isinstance(finished, Finished)
        return Result(Path(started.folder), tuple(seen), finished)


def finetune(model: str | Path, dataset: str | Path) -> Builder:
    """Supervised fine-tuning (SFT) of a model (folder, Hugging Face id or "starter") on a dataset (file or "demo")."""
    return _builder("sft", model, dataset)


def _builder(method: str, model: str | Path, dataset: str | Path) -> Builder:
    return Builder(Run(method=method)).set("model.path", str(model)).set("data.path", str(dataset))
