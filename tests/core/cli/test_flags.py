"""Options as flags: what a flag that is given twice comes to."""

import argparse

import pytest

from core.cli.flags import add_flag, parse_flags
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
    parser = argparse.ArgumentParser()
    add_flag(parser, "option", key, options[key])
    words = [word for value in values for word in (options[key].flag, value)]
    assert parse_flags(parser.parse_args(words), "option", options) == {key: entries}
