"""Fine-tuning from Python in one line: finetune("starter", "demo").lora(16, 32).run()

Every method is a function of this module, named like its file in core.methods: dpo(model, dataset), and so on;
`finetune` is SFT. Each returns a Builder, and each call on a Builder returns a new one:

    dpo("model", "preferences.jsonl").dpo_beta(0.1).reference_model("base").run()

Nothing happens before run() or events().
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core import methods
from core.distributed.machines import Machines
from core.errors import BadOption
from core.events import Evaluated, Event, Finished, Sample, Started, Step
from core.option_values import build
from core.run import Run, list_options
from core.text.sentence import say


@dataclass(frozen=True)
class Result:
    """The outcome of a run: its folder, every event, and the numbers that are needed most."""

    folder: Path
    events: tuple[Event, ...]
    finished: Finished

    @property
    def losses(self) -> list[float]:
        """Training loss of each step."""
        return [e.loss for e in self.events if isinstance(e, Step)]

    @property
    def held_out(self) -> list[tuple[int, float]]:
        """(step, loss on the held-out rows) of each evaluation."""
        return [(e.step, e.loss) for e in self.events if isinstance(e, Evaluated)]

    @property
    def samples(self) -> list[Sample]:
        """Sample answers from before, during and after training."""
        return [e for e in self.events if isinstance(e, Sample)]


@dataclass(frozen=True)
class Builder:
    """A run before it starts; `config` is what it will do.

    Besides the methods below a Builder has the setters that the run's method names in its SPEC (`shortcuts`), such
    as dpo_beta() and loss_type() for DPO. dir(builder) lists them.
    """

    config: Run
    where: Machines = field(default_factory=Machines)  # this machine alone, unless machines() says otherwise

    def set(self, key: str, value: Any) -> "Builder":
        """Any option, named as in run.toml ("train.learning_rate") or by its last part where that is unique.

        Raises BadOption for a name that does not exist or a value out of range.
        """
        if "." not in key:
            keys = [k for k, _ in list_options(self.config.method) if k == key or k.endswith("." + key)]
            if len(keys) > 1:
                raise BadOption(say("{key!r} could mean {keys}; name it in full.", key=key, keys=" or ".join(keys)))
            key = keys[0] if keys else key
        return replace(self, config=self.config.replace(key, value))

    def options(self, **values: Any) -> "Builder":
        """The method's own options, by name. Raises BadOption for one that it does not have."""
        builder = self
        for name, value in values.items():
            builder = builder.set(f"options.{name}", value)
        return builder

    def lora(self, rank: int = 16, alpha: float | None = None, dropout: float = 0.0, targets: str = "all") -> "Builder":
        """Train a LoRA adapter.

        `alpha` scales the update by alpha / rank, 2 × rank by default; `dropout` (0 to 1) is applied to the adapter's
        inputs; `targets` names the linear layers, as --lora-targets does. Raises BadOption for a value out of range.
        """
        builder = self.set("adapter.type", "lora").set("adapter.rank", rank).set("adapter.alpha", alpha)
        return builder.set("adapter.dropout", dropout).set("adapter.targets", targets)

    def dora(self, rank: int = 16, alpha: float | None = None, dropout: float = 0.0, targets: str = "all") -> "Builder":
        """Train a DoRA adapter: LoRA with a trained magnitude for each output. Arguments as for lora()."""
        return self.lora(rank, alpha, dropout, targets).set("adapter.type", "dora")

    def full(self) -> "Builder":
        """Train every weight."""
        return self.set("adapter.type", "full")

    def init_adapter(self, folder: str | Path) -> "Builder":
        """Start from the adapter in a folder."""
        return self.set("adapter.init", str(folder))

    def quantization(self, mode: str = "nf4", double: bool = False) -> "Builder":
        """Quantize the base model while training, by one of core.quant.MODES; with LoRA this is QLoRA.

        `double` quantizes the scales too. Raises BadOption for a mode that does not exist.
        """
        return self.set("model.quantization", mode).set("model.double_quantization", double)

    def epochs(self, count: float) -> "Builder":
        """Train for so many passes over the data; takes the place of steps()."""
        return self.set("train.steps", None).set("train.epochs", count)

    def steps(self, count: int) -> "Builder":
        """Train for so many optimizer steps; takes the place of epochs()."""
        return self.set("train.epochs", None).set("train.steps", count)

    def learning_rate(self, rate: float) -> "Builder":
        """Peak learning rate, after the warm-up."""
        return self.set("train.learning_rate", rate)

    def batch_size(self, rows: int, accumulate: int = 1) -> "Builder":
        """Rows of a micro-batch, and micro-batches of an optimizer step (gradient accumulation)."""
        return self.set("train.batch_size", rows).set("train.gradient_accumulation_steps", accumulate)

    def held_out(self, path: str | Path) -> "Builder":
        """A second file of rows for evaluation, which are never trained on."""
        return self.set("data.eval_path", str(path))

    def output(self, folder: str | Path) -> "Builder":
        """The run's folder; by default a new one among Hone's runs."""
        return self.set("output", str(folder))

    def seed(self, number: int) -> "Builder":
        """Seed of the adapter's start values, the order of the rows, dropout and sampling."""
        return self.set("train.seed", number)

    def machines(self, *hosts: str, **options: Any) -> "Builder":
        """Train on several machines or GPUs together: machines("studio", "me@mini"), or machines(ranks=2) here.

        Arguments:
            hosts: names or addresses as ssh knows them; the first one writes the run's folder.
            options: `ranks`, `hostfile`, `distributed_backend` and `rank_timeout`, as the command line's flags of these
                names.

        Without an argument it is this machine alone. Raises BadOption for what does not exist or contradicts itself.
        """
        return replace(self, where=build(Machines, {"hosts": hosts, **options}, "machines()").check())

    def temperature(self, value: float) -> "Builder":
        """Softmax temperature of a distillation, or sampling temperature of a method that writes its own answers."""
        return self.options(temperature=value)

    def reference_model(self, model: str | Path) -> "Builder":
        """The reference of a method that has one: "base", "initial", or a model. The trained model itself means "base".

        Raises BadOption for a method without a reference model.
        """
        self._require([name for name, spec in methods.load().items() if spec.reference])
        return self.options(reference="base" if str(model) == self.config.model.path else str(model))

    def rewards(self, *entries: str, **weights: float) -> "Builder":
        """The rewards that score answers, with their weights: rewards(numeric=1, format=0.2), or "numeric=1" in quotes.

        Raises BadOption for a method without rewards; an unknown reward is refused when the run starts.
        """
        return self.options(rewards=(*entries, *(f"{name}={weight:g}" for name, weight in weights.items())))

    def reasoning_rewards(self) -> "Builder":
        """Reward right answers most, then thinking between <think> and </think>, then brevity."""
        return self.options(reasoning_rewards=True)

    def reward_file(self, path: str | Path, weight: float = 1.0) -> "Builder":
        """Score by the function `reward` in a Python file of your own, which is thereby allowed to run."""
        return self.options(reward_file=str(path), allow_reward_code=True).rewards(f"file={weight:g}")

    def __getattr__(self, name: str) -> Callable[..., "Builder"]:
        """A setter that a method's SPEC names; to call it for another method raises BadOption."""
        owners = [method for method, spec in methods.load().items() if name in spec.shortcuts]
        if not owners:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        def setter(*values: Any, **keywords: Any) -> "Builder":
            self._require(owners)
            arguments = self.config.spec.shortcuts[name]  # {argument: option}
            if len(values) > len(arguments) or not keywords.keys() <= arguments.keys():
                raise TypeError(f"{name}() takes {_join(list(arguments))}")
            values_by_argument = {**dict(zip(arguments, values, strict=False)), **keywords}
            return self.options(**{arguments[argument]: value for argument, value in values_by_argument.items()})

        return setter

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.config.spec.shortcuts]

    def _require(self, owners: Sequence[str]) -> None:
        """BadOption unless the run's method is among `owners`, the methods that a setter belongs to."""
        if self.config.method not in owners:
            raise BadOption(
                say(
                    "This option belongs to {owners}; the run's method is {method}.",
                    owners=_join(owners),
                    method=self.config.method,
                )
            )

    def events(self) -> Iterator[Event]:
        """Do the run, yielding each event as it happens. Raises UserError."""
        from core.train import train, train_on

        return train_on(self.config, self.where) if self.where.is_asked else train(self.config)

    def run(self, watch: Callable[[Event], None] | None = None) -> Result:
        """Do the run to its end and return its results; `watch` is called with each event. Raises UserError."""
        events = []
        for event in self.events():
            events.append(event)
            if watch:
                watch(event)
        started = next(e for e in events if isinstance(e, Started))
        finished = events[-1]
        assert isinstance(finished, Finished)
        return Result(Path(started.folder), tuple(events), finished)


def start(
    method: str, model: str | Path, dataset: str | Path, teacher: str | Path | None = None, **options: Any
) -> Builder:
    """A run of any method.

    Arguments:
        method: name of a file in core.methods, such as "dpo".
        model: folder, Hugging Face id, or "starter".
        dataset: file, folder or Hugging Face id, or "demo".
        teacher: for a method that has one: folder, Hugging Face id, or the folder of an earlier run.
        options: the method's own options, by name.

    Raises BadOption for a method or an option that does not exist, or a value out of range.
    """
    builder = Builder(Run(method=method)).set("model.path", str(model)).set("data.path", str(dataset))
    if teacher is not None:
        options["teacher"] = str(teacher)
    return builder.options(**options)


def finetune(model: str | Path, dataset: str | Path) -> Builder:
    """Supervised fine-tuning (SFT) of a model on a dataset; arguments as for start()."""
    return start(methods.DEFAULT_METHOD, model, dataset)


def __getattr__(name: str) -> Callable[..., Builder]:
    """start() for the method of that name: dpo(model, dataset), distill(model, dataset, teacher)."""
    spec = methods.load().get(name)
    if spec is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def start_method(
        model: str | Path, dataset: str | Path, teacher: str | Path | None = None, **options: Any
    ) -> Builder:
        return start(name, model, dataset, teacher, **options)

    start_method.__name__ = start_method.__qualname__ = name
    start_method.__doc__ = f"{spec.title}: {spec.summary}\n\nArguments as for start()."
    return start_method


def __dir__() -> list[str]:
    return [*globals(), *methods.load()]


def _join(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
