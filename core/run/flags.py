"""A run as the words of a command line: model, data, and what differs from the defaults."""

from typing import Any

from core.methods import DEFAULT_METHOD
from core.options import Option
from core.run.run import Run, list_options
from core.text.comma_list import join_list

ALWAYS = ("model.path", "data.path")


def to_words(run: Run) -> list[list[str]]:
    """The words behind `hone` that train the same run: the command, and then each flag with its value."""
    default_run = Run(method=run.method)
    words = [["train" if run.method == DEFAULT_METHOD else run.method]]
    for key, option in list_options(run.method):
        value = option_value(run, key)
        if key != "method" and value is not None and (key in ALWAYS or value != option_value(default_run, key)):
            words.append(flag_words(option, value))
    return words


def option_value(run: Run, key: str) -> Any:
    """One option's value, by its key as in run.toml: "method" or "adapter.rank"."""
    section, _, name = key.partition(".")
    return getattr(getattr(run, section), name) if name else getattr(run, section)


def flag_words(option: Option, value: Any) -> list[str]:
    """An option as a flag, with its value where it takes one."""
    if option.type is bool:
        return [option.flag if value else "--no-" + option.flag.removeprefix("--")]
    text = join_list(value) if option.type is tuple else _number(value) if option.type is float else str(value)
    return [f"{option.flag}={text}"] if text.startswith("-") else [option.flag, text]


def _number(value: float) -> str:
    """As short as it can be read back whole."""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)
