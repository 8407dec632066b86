"""The short way in from Python: finetune("model", "data.jsonl").lora(16, 32).run(), or
dpo("model", "preferences.jsonl").dpo_beta(0.1).reference_model("model").run()

Every call returns a new builder; nothing happens before run() or events().
"""

from collections.abc import Callable, Iterator, Sequence
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

    def quantization(self, mode: str = "nf4", double: bool = False) -> "Builder":
        """Pack the model's weights while training, as one of core.quant.MODES; with LoRA on top this is QLoRA."""
        return self.set("model.quantization", mode).set("model.double_quantization", double)

    def full(self) -> "Builder":
        """Train every weight."""
        return self.set("adapter.type", "full")

    def init_adapter(self, folder: str | Path) -> "Builder":
        """Go on from an adapter."""
        return self.set("adapter.init", str(folder))

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

    def options(self, **values: Any) -> "Builder":
        """The method's own options, by name. Raises BadOption for one that it does not have."""
        built = self
        for name, value in values.items():
            built = built.set(f"options.{name}", value)
        return built

    def dpo_beta(self, beta: float) -> "Builder":
        """How closely DPO stays to its reference."""
        return self._of("dpo").options(beta=beta)

    def loss_type(self, rule: str) -> "Builder":
        """The rule of DPO ("sigmoid", "ipo", ...), or what GRPO and DAPO count answers by ("grpo", "bnpo", ...)."""
        return self._of("dpo", "grpo", "dapo").options(loss_type=rule)

    def reference_model(self, model: str | Path) -> "Builder":
        """What DPO and KTO compare with: "base", "initial", or a model. The trained model itself means "base"."""
        asked = "base" if str(model) == self.asked.model.path else str(model)
        return self._of("dpo", "kto").options(reference=asked)

    def simpo_beta(self, beta: float, gamma: float | None = None) -> "Builder":
        """How strongly a lead counts in SimPO, and the lead that is wanted."""
        built = self._of("simpo").options(beta=beta)
        return built if gamma is None else built.options(gamma=gamma)

    def orpo_beta(self, beta: float) -> "Builder":
        """Weight of the preference in ORPO."""
        return self._of("orpo").options(beta=beta)

    def kto_beta(self, beta: float) -> "Builder":
        """How closely KTO stays to its reference."""
        return self._of("kto").options(beta=beta)

    def kto_weights(self, desirable: float = 1.0, undesirable: float = 1.0) -> "Builder":
        """How much good and bad answers count in KTO."""
        return self._of("kto").options(desirable_weight=desirable, undesirable_weight=undesirable)

    def temperature(self, value: float) -> "Builder":
        """At which a student is compared with its teacher, or a method that writes its own answers draws them."""
        return self.options(temperature=value)

    def divergence(self, kind: str) -> "Builder":
        """How a student is compared with its teacher: "forward", "reverse" or "jsd"."""
        return self._of("distill").options(divergence=kind)

    def on_policy(self, share: float, longest: int = 128, temperature: float = 1.0) -> "Builder":
        """In this share of the steps the student of a distillation writes the answers itself."""
        built = self._of("distill").options(lmbda=share)
        return built.options(max_new_tokens=longest, sampling_temperature=temperature)

    def _of(self, *methods: str) -> "Builder":
        """Itself, or BadOption where the option belongs to another method."""
        if self.asked.method not in methods:
            raise BadOption(f"This option belongs to {_and(methods)}; the run's method is {self.asked.method}.")
        return self

    def rewards(self, *named: str, **weights: float) -> "Builder":
        """What scores the answers of grpo() and dapo(): rewards(numeric=1, format=0.2), or "numeric=1" in quotes.

        Raises BadOption for a method without rewards; what a reward lacks is told when the run starts.
        """
        return self.set("options.rewards", (*named, *(f"{name}={weight:g}" for name, weight in weights.items())))

    def reasoning_rewards(self) -> "Builder":
        """Right answers most, then thinking between <think> and </think>, then brevity."""
        return self.set("options.reasoning_rewards", True)

    def reward_file(self, path: str | Path, weight: float = 1.0) -> "Builder":
        """Score by the function `reward` in a Python file of your own, which is thereby allowed to run."""
        built = self.set("options.reward_file", str(path)).set("options.allow_reward_code", True)
        return built.rewards(f"file={weight:g}")

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


def dpo(model: str | Path, dataset: str | Path) -> Builder:
    """Direct preference optimization: pairs of a better and a worse answer, measured against a reference."""
    return _builder("dpo", model, dataset)


def simpo(model: str | Path, dataset: str | Path) -> Builder:
    """SimPO: pairs, without a reference."""
    return _builder("simpo", model, dataset)


def orpo(model: str | Path, dataset: str | Path) -> Builder:
    """ORPO: learns the better answers and avoids the worse ones, both at once."""
    return _builder("orpo", model, dataset)


def kto(model: str | Path, dataset: str | Path) -> Builder:
    """KTO: single answers marked good or bad."""
    return _builder("kto", model, dataset)


def distill(model: str | Path, dataset: str | Path, teacher: str | Path) -> Builder:
    """Distillation: the model learns from a teacher (folder, Hugging Face id, or a run's folder)."""
    return _builder("distill", model, dataset).options(teacher=str(teacher))


def grpo(model: str | Path, dataset: str | Path) -> Builder:
    """GRPO: the model answers each question several times, rewards score it, and it does more of what scored well."""
    return _builder("grpo", model, dataset)


def dapo(model: str | Path, dataset: str | Path) -> Builder:
    """DAPO: GRPO for long reasoning, which asks other questions where all answers score the same."""
    return _builder("dapo", model, dataset)


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _builder(method: str, model: str | Path, dataset: str | Path) -> Builder:
    return Builder(Run(method=method)).set("model.path", str(model)).set("data.path", str(dataset))
