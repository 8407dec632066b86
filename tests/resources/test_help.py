"""The pages of the help, and README's table of methods, say what the code says."""

import pytest

from resources.make.help import HELP, README, fill_readme, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_page_is_as_the_code_has_it_now(name: str) -> None:
    assert (HELP / name).read_text(encoding="utf-8") == pages()[name], "run: python -m resources.make.help"


def test_the_readme_lists_every_method() -> None:
    text = README.read_text(encoding="utf-8")
    assert fill_readme(text) == text, "run: python -m resources.make.help"


def test_there_is_no_page_that_nothing_makes() -> None:
    assert {file.name for file in HELP.iterdir()} == set(pages())
