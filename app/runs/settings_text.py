"""Settings in words: their groups, their values as people read them, and where two runs differ. No Qt."""

import re
from dataclasses import dataclass, replace
from typing import Any

from app.desktop.language import localize, tr
from core import run as core_run
from core.options import Option
from core.rewards import REWARDS
from core.run import Run
from core.text.comma_list import join_list

_QUOTED = re.compile(r"['„“](\w[\w-]*)['“”]")  # a choice, as the help of the command line quotes it
REWARDS_KEY = "options.rewards"
GROUP_TITLES = {
    "": tr("Run"),
    "model": tr("Model"),
    "data": tr("Data"),
    "adapter": tr("What is trained"),
    "train": tr("Training"),
    "options": tr("Method"),
}


@dataclass(frozen=True)
class SettingChange:
    """An option of which two runs hold different values."""

    key: str  # as in run.toml
    option: Option
    old: str
    new: str


def translate(option: Option) -> Option:
    """An option whose texts are in the window's language, and call its choices as the window does."""
    labels = {choice: tr(option.choice_label(choice)) for choice in option.choices}
    names = {"auto": tr("Automatic")} | labels  # of other options' choices this alone is quoted

    def call(text: str) -> str:
        return _QUOTED.sub(lambda match: _quote(names[match[1]]) if match[1] in names else match[0], tr(text))

    return replace(
        option,
        label=tr(option.label),
        help=call(option.help),
        when=call(option.when),
        unset=tr(option.unset),
        labels=labels,
    )


def _quote(name: str) -> str:
    return tr("“{name}”", name=name)


def list_options(method: str) -> list[tuple[str, Option]]:
    """core.run.list_options(): every option of a method's runs, in the window's language."""
    return [(key, translate(option)) for key, option in core_run.list_options(method)]


def format_value(option: Option, value: Any) -> str:
    """A value of an option as text for people; a text field can read it back."""
    if value is None:
        return option.unset
    if option.type is bool:
        return tr("on") if value else tr("off")
    if option.type is float:
        return localize(f"{value:g}")
    if option.type is tuple:
        return join_list(value, ", ")
    return option.choice_label(str(value))


def get_value(run: Run, key: str) -> Any:
    """One option's value, by its key as in run.toml; None where the run's method does not have it."""
    section, _, name = key.rpartition(".")
    return getattr(getattr(run, section) if section else run, name, None)


def describe_value(run: Run, key: str, option: Option, value: Any) -> str:
    """A value of a run's option in words; "–" where the run's method does not have the option."""
    if key == "method":
        return tr(run.spec.title)
    if key not in dict(list_options(run.method)):
        return "–"
    if key == REWARDS_KEY:
        return ", ".join(_describe_reward(*entry.partition("=")) for entry in value)
    return format_value(option, value)


def _describe_reward(name: str, _: str, weight: str) -> str:
    title = tr(REWARDS[name].title) if name in REWARDS else name
    return tr("{title} (weight {weight})", title=title, weight=localize(weight or "1"))


def list_changes(old: Run, new: Run) -> list[SettingChange]:
    """The options that differ between two runs, in the order of the form; the folder of a run is none of them."""
    options = dict(list_options(new.method))
    options |= {key: option for key, option in list_options(old.method) if key not in options}
    changes: list[SettingChange] = []
    for key, option in options.items():
        before, after = get_value(old, key), get_value(new, key)
        if key != "output" and before != after:
            words = (describe_value(run, key, option, value) for run, value in ((old, before), (new, after)))
            changes.append(SettingChange(key, option, *words))
    return changes
