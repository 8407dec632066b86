"""A conversation that the template refuses as it is, and the reason that is told where it takes no form of it."""

from collections.abc import Callable
from typing import Any

import pytest

from core.data.tokenize.render import TemplateRefused, render_with_fallbacks
from core.data.tokenize.template_budget import count_entries
from core.data.tokenize.tokenizer import load_tokenizer
from core.resources import STARTER

TALK = ({"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"})
NO_SYSTEM = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system, please') }}{% endif %}"


@pytest.fixture
def with_template() -> Callable[[str], Any]:
    def make(template: str) -> Any:
        tokenizer = load_tokenizer(STARTER)
        tokenizer.chat_template = template
        return tokenizer

    return make


def test_a_system_message_goes_into_the_first_question_where_it_has_no_place(
    with_template: Callable[[str], Any],
) -> None:
    tokenizer = with_template(NO_SYSTEM + "<{{ m.content }}>{% endfor %}")
    assert render_with_fallbacks(TALK, (), tokenizer, False).text == "<Be short.\n\nHi>"


def test_the_reason_is_that_against_the_messages_as_they_are(with_template: Callable[[str], Any]) -> None:
    tokenizer = with_template(NO_SYSTEM + "{{ raise_exception('nothing at all') }}{% endfor %}")
    with pytest.raises(TemplateRefused, match="no system, please"):
        render_with_fallbacks(TALK, (), tokenizer, False)


@pytest.mark.parametrize(
    ("value", "count"),
    [("abc", 1), ([], 1), ([1, [2, 3]], 5), ({"a": "b", "c": [1]}, 4), (list(range(50)), 51)],
)
def test_entries_are_counted_with_all_that_lies_in_them(value: Any, count: int) -> None:
    assert count_entries(value, 1000) == count


def test_texts_are_counted_by_their_size() -> None:
    assert count_entries(["abc", {"key": "de"}], 1000, len) == 7
