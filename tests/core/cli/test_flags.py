"""Options as flags: what a flag that is given twice comes to."""

import argparse

import pytest

from core.cli import parser
from core.cli.flags import add_flag, parse_flags
from core.errors import BadOption
from core.run import list_options


@pytest.mark.parametrize(
    ("name", "values", "entries"),
    [
        ("fill_in", ["name=Hone", "author=us"], ("name=Hone", "author=us")),
        ("fill_in", ['text="a, b"', "c=d"], ("text=a, b", "c=d")),
        ("columns", ["question=q,answer=a", "system=s"], ("question=q", "answer=a", "system=s")),
        ("exclude", ["duplicate"], ("duplicate",)),
        ("epochs", ["1", "2"], 2),
    ],
)
def test_a_list_that_is_given_twice_has_the_entries_of_both(name: str, values: list[str], entries: object) -> None:
    options = dict(list_options("sft"))
    key = next(key for key, option in options.items() if option.name == name)
    command = argparse.ArgumentParser()
    add_flag(command, "option", key, options[key])
    words = [word for value in values for word in (options[key].flag, value)]
    assert parse_flags(command.parse_args(words), "option", options) == {key: entries}


@pytest.mark.parametrize(
    "words", [["--dataset", "a", "--dataset", "b"], ["--dataset=a", "--steps", "1", "--dataset", "b"]]
)
def test_of_two_values_none_is_dropped_in_silence(words: list[str]) -> None:
    with pytest.raises(BadOption, match="--dataset is given more than once, as 'a' and 'b'"):
        parser().parse_args(["train", *words])
    assert parser().parse_args(["train", "--dataset", "a", "--dataset", "a", "--columns", "x=y", "--columns", "z=w"])


def test_every_number_has_its_bounds() -> None:
    """A flag with argparse's own int or float takes numbers that nobody has thought of."""
    commands = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]
    while commands:
        for name, command in commands.pop().choices.items():
            assert [a.option_strings for a in command._actions if a.type in (int, float)] == [], name
            commands += [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
