"""Run: everything that a person asks for, as one frozen tree of options; read from and written to run.toml.

Three independent choices make a run: the method, the adapter (what is trained) and the precision of the base model.
The window, the command line and Python code all build one of these.
"""

import dataclasses
import datetime
import os
import re
import stat
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
import tomli_w

from core import methods
from core.data.kinds import PAIRS
from core.errors import BadOption
from core.option_values import build, check, check_path
from core.options import Option, describe, groups, option
from core.quant.modes import UNPACKED, find_mode
from core.run.sections import DEMO, STARTER, Adapter, Data, Model, Train
from core.text.sentence import say

# Options that may name a file or a folder.
_PATHS = (
    "model.path", "data.path", "data.eval_path", "data.chat_template", "adapter.init", "options.reference",
    "options.teacher", "options.reward_file", "options.replay",
)  # fmt: skip


_LARGEST_FILE = 1 << 20  # bytes of a run.toml
_STEM_CHARACTERS = 50  # of a dataset's name in a run's: with four bytes for each, still a name that every disk takes

# Options that let the code of others run.
_PERMISSIONS = ("model.allow_code", "options.allow_reward_code")


def _without_permissions(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a run, as run.toml holds them, without _PERMISSIONS."""
    permitting = [key.split(".") for key in _PERMISSIONS]
    return {
        name: {k: v for k, v in value.items() if [name, k] not in permitting} if isinstance(value, dict) else value
        for name, value in values.items()
    }


def _absolute(path: str) -> str:
    """The whole path of something that is there; any other text as it is."""
    place = Path(path.strip()).expanduser()
    # os.path: where the system refuses to look, Path raises an error, and the reader tells.
    return str(place.absolute()) if path.strip() and not place.is_absolute() and os.path.exists(place) else path


@dataclass(frozen=True)
class Run:
    """What is asked. `options` are the method's own; `output` is the run's folder."""

    method: str = option(methods.DEFAULT_METHOD, "Training method.", label="Method")
    output: str | None = option(
        None, "Folder of the run; a new one lies among Hone's runs.", label="Run folder", unset="a new one"
    )
    backend: str = option(
        "auto",
        "Device that computes.",
        choices=("auto", "gpu", "cpu", "ane"),
        labels={"auto": "Automatic", "gpu": "GPU", "cpu": "CPU", "ane": "Neural Engine"},
        label="Backend",
        when="Choose 'cpu' to keep the GPU free; 'ane' is experimental, not yet verified on hardware.",
    )
    neural_engine: str = option(
        "fastest",
        "When 'auto' uses a Mac's Neural Engine: where it is no slower than the GPU, where it takes up to three times "
        "as long and keeps the GPU free, or wherever it can.",
        choices=("fastest", "gpu-free", "always"),
        labels={"fastest": "Fastest", "gpu-free": "Keep the GPU free", "always": "Always (experimental)"},
        label="Neural Engine",
        when="Experimental, not yet verified on hardware.",
    )
    model: Model = field(default_factory=Model)
    data: Data = field(default_factory=Data)
    adapter: Adapter = field(default_factory=Adapter)
    train: Train = field(default_factory=Train)
    options: Any = None  # an instance of the method's options dataclass; its defaults when None

    def __post_init__(self) -> None:
        if not isinstance(self.method, str) or self.method not in methods.names():
            raise BadOption(
                say(
                    "There is no method {method!r}; there are {names}.",
                    method=self.method,
                    names=", ".join(methods.names()),
                )
            )
        if self.options is None:
            object.__setattr__(self, "options", self.spec.options())
        for key in (*_PATHS, "output"):
            section, _, name = key.rpartition(".")
            path = getattr(getattr(self, section) if section else self, name, None)
            if isinstance(path, str):
                check_path(key, path)

    @property
    def spec(self) -> methods.Method:
        return methods.find(self.method)

    @property
    def texts_per_row(self) -> int:
        """How many texts of a row go through the model: two of a preference pair."""
        return 2 if self.spec.data == PAIRS else 1

    @property
    def on_policy_share(self) -> float:
        """The share of the steps, 0 to 1, that train on completions of the model itself, which a teacher judges."""
        return self.spec.on_policy_share(self.options) if self.spec.on_policy_share else 0.0

    @property
    def usual_learning_rate(self) -> float:
        """The learning rate where none is given: the method's, for an adapter or for full fine-tuning.

        The starter model is hundreds of times smaller than the models these values suit, and small models take, and
        need, larger steps: ten times is what was measured to work on it.
        """
        usual = self.spec.learning_rate_full if self.adapter.type == "full" else self.spec.learning_rate
        return usual * 10 if self.model.path == STARTER else usual

    @property
    def name(self) -> str:
        return Path(self.output).name if self.output else ""

    def check(self) -> "Run":
        """The run itself. Raises BadOption when two options contradict each other."""
        if self.spec.check is not None:
            self.spec.check(self.options)
        t = self.train
        if t.steps is not None and t.epochs is not None:
            raise BadOption(say("Give either steps or epochs, not both."))
        if t.weight_decay and t.optimizer not in ("adamw", "lion"):
            raise BadOption(
                say(
                    "weight_decay does nothing with {optimizer}; use adamw or lion, or set it to 0.",
                    optimizer=t.optimizer,
                )
            )
        if self.adapter.type == "full" and self.adapter.init:
            raise BadOption(say("init_adapter goes with LoRA; full fine-tuning starts from the model itself."))
        if self.adapter.type == "full" and self.adapter.plus is not None:
            raise BadOption(say("loraplus_lr_ratio goes with LoRA and DoRA; full fine-tuning has no second matrix."))
        m = self.model
        if m.quantization == UNPACKED and m.double_quantization:
            raise BadOption(
                say("double_quantization packs the scales of a quantized model: give quantization nf4 or fp4.")
            )
        if m.quantization != UNPACKED:
            find_mode(m.quantization, m.double_quantization)
            if self.adapter.type == "full":
                raise BadOption(
                    say(
                        "Full fine-tuning cannot train weights packed as {quantization}; "
                        "use lora, or quantization none.",
                        quantization=m.quantization,
                    )
                )
        return self

    def with_output(self, taken: Collection[Path] = ()) -> "Run":
        """The run with a folder: the one that was asked for, or a new one named after date, method and data.

        `taken` are folders that are not there yet and belong to other runs.
        """
        if self.output:
            return self
        stem = re.sub(r"[^\w.-]+", "-", Path(self.data.path).stem)[:_STEM_CHARACTERS] or "data"
        base = f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}-{self.method}-{stem}"
        folder, n = runs_folder() / base, 1
        while folder.exists() or folder in taken:
            n += 1
            folder = runs_folder() / f"{base}-{n}"
        return dataclasses.replace(self, output=str(folder))

    def with_absolute_paths(self) -> "Run":
        """The run with whole paths in the place of relative ones, wherever one names something that is there: what is
        written down is then found from any folder."""
        run = self
        for key in _PATHS:
            section, name = key.split(".")
            path = getattr(getattr(run, section), name, None)
            if isinstance(path, str) and path not in (STARTER, DEMO):
                whole = "\n".join(map(_absolute, path.split("\n")))
                run = run if whole == path else run.replace(key, whole)
        return run

    def replace(self, key: str, value: Any) -> "Run":
        """A copy with one option changed.

        `key` names it as run.toml does: "train.learning_rate", "method", "options.beta". Raises BadOption for a name
        that does not exist, a wrong type, or a value out of range.
        """
        section, _, name = key.partition(".")
        if not name:
            options = {o.name: o for o in describe(Run)}
            if section not in options:
                raise BadOption(say("There is no option {key!r}.", key=key))
            if section == "method" and value != self.method:
                return dataclasses.replace(self, method=value, options=None)
            return dataclasses.replace(self, **{section: check(options[section], value)})
        if section not in sections(self.method):
            raise BadOption(say("There is no option {key!r}.", key=key))
        group = getattr(self, section)
        new_group = build(type(group), {**to_plain(group), name: value}, section)
        return dataclasses.replace(self, **{section: new_group})

    def to_dict(self) -> dict[str, Any]:
        """Plain nested values, None left out: what run.toml holds."""
        top = {o.name: getattr(self, o.name) for o in describe(Run) if getattr(self, o.name) is not None}
        return top | {name: to_plain(getattr(self, name)) for name in sections(self.method)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], origin: str = "") -> "Run":
        """A checked run from plain nested values, as to_dict() gives them.

        Raises BadOption with one sentence, opened by `origin` (the name of the file they were read from).
        """
        if not isinstance(values, Mapping):
            raise BadOption(say("A run is a table of options, not {name}.", name=type(values).__name__))
        values = dict(values)
        method_options = values.pop("options", {})
        try:
            run: Run = build(cls, values, origin)
            table = f"{origin}: [options]" if origin else "[options]"
            return dataclasses.replace(run, options=build(run.spec.options, method_options, table)).check()
        except BadOption as error:
            raise BadOption(
                str(error) if str(error).startswith(origin) else say("{origin}: {error}", origin=origin, error=error)
            ) from None

    def to_toml(self) -> str:
        """The text of run.toml. It holds no yes to code, as it could be another's."""
        return tomli_w.dumps(_without_permissions(self.to_dict()))

    def write(self, path: Path) -> None:
        path.write_text(self.to_toml(), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Run":
        """The run in a run.toml, without any yes to code that it may hold.

        Raises BadOption when the file is missing, is no TOML, or holds a bad option.
        """
        try:
            facts = path.stat()
            if stat.S_ISFIFO(facts.st_mode) or stat.S_ISCHR(facts.st_mode) or facts.st_size > _LARGEST_FILE:
                raise BadOption(
                    say("{path} is no run.toml: it is a device or a pipe, or larger than a megabyte.", path=path)
                )
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise BadOption(say("{path} cannot be read: {reason}.", path=path, reason=error)) from None
        except ValueError as error:  # it is no UTF-8
            raise BadOption(say("{path} is not valid TOML: {reason}.", path=path, reason=error)) from None
        return cls.from_toml(text, str(path))

    @classmethod
    def from_toml(cls, text: str, origin: str) -> "Run":
        """The run in the text of a run.toml, without any yes to code; `origin` opens the sentence of a BadOption."""
        try:
            values = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # also of numbers of thousands of digits
            raise BadOption(say("{path} is not valid TOML: {reason}.", path=origin, reason=error)) from None
        return cls.from_dict(_without_permissions(values), origin)


def sections(method: str) -> dict[str, type]:
    """The sections of a run of this method, by their name in run.toml; "options" holds the method's own options."""
    return {**dict(groups(Run)), "options": methods.find(method).options}


def list_options(method: str) -> list[tuple[str, Option]]:
    """(key as in run.toml, Option) of everything that can be set for a method."""
    top = [(o.name, o) for o in describe(Run)]
    return top + [(f"{name}.{o.name}", o) for name, cls in sections(method).items() for o in describe(cls)]


def to_plain(group: Any) -> dict[str, Any]:
    """A section of options as plain values, without those that are None."""
    values = {o.name: getattr(group, o.name) for o in describe(type(group))}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items() if v is not None}


def runs_folder() -> Path:
    """The folder in which runs lie unless another is given."""
    return Path(platformdirs.user_data_dir("Hone", appauthor=False)) / "runs"
