"""What is written without the chat template is what the template writes, or is left to the template."""

from typing import Any

import pytest

from core.data.format.example import Message
from core.data.tokenize import plans, render
from core.data.tokenize.templates import CHAT_TEMPLATES
from tests.core.data.conftest import CHATML, make_tokenizer

THINKING = """{%- set ns = namespace(last=messages|length - 1) %}
{%- for message in messages[::-1] %}{% set index = messages|length - 1 - loop.index0 %}
{%- if message.role == 'user' and message.content is string and not message.content.startswith('<tool') %}
{%- set ns.last = index if ns.last == messages|length - 1 else ns.last %}{% endif %}{% endfor %}
{%- for message in messages %}{% set content = message.content.strip() %}
{%- if message.role == 'assistant' and '</think>' in content %}
{%- set content = content.split('</think>')[-1] %}{% endif %}
{{- '<|im_start|>' + message.role + '\n' }}
{%- if message.reasoning_content and loop.index0 > ns.last - 1 %}
{{- '<think>' ~ message.reasoning_content.strip('\n') ~ '</think>' }}{% endif %}
{%- if not loop.last %}{{ content | trim + '<|im_end|>\n' }}{% else %}{{ content or 'nothing' }}{% endif %}
{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""
TEMPLATES = {
    **{name: template.text for name, template in CHAT_TEMPLATES.items()},
    "chatml of tests": CHATML,
    "thinking": THINKING,
}


def ask(text: str) -> Message:
    return {"role": "user", "content": text}


def answer(text: str, **more: Any) -> Message:
    return {"role": "assistant", "content": text, **more}


def conversations() -> list[tuple[Message, ...]]:
    rows: list[tuple[Message, ...]] = []
    for n in range(6):
        rows += [
            (ask(f"q{n}"), answer(f" a{n} \n")),
            (ask(f" {n}"), answer("")),
            ({"role": "system", "content": f"be {n}"}, ask("q"), answer("a"), ask(f" more {n} "), answer("yes")),
            (
                ask("think"),
                answer("the", reasoning_content=f"\nhmm {n}\n"),
                ask("x"),
                answer("y", reasoning_content="z"),
            ),
            (ask("think"), answer(f"<think>why {n}</think>the")),
            (ask("<tool>"), answer("y", weight=0)),
            ({"role": "user", "content": f"q{n}", "name": "Ann"}, answer("<s> {{ 1 }} </s>")),
        ]
    return rows


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_written_is_what_the_template_writes(name: str) -> None:
    tokenizer, planned = make_tokenizer(TEMPLATES[name]), 0
    for _ in range(2):
        for row in conversations():
            for messages, asks in ((row, False), (row[:-1], True)):
                try:
                    wanted = render._ask_template(messages, (), tokenizer, asks)
                except render.TemplateRefused:
                    assert plans.write(messages, tokenizer, asks) is None
                    continue
                written = plans.write(messages, tokenizer, asks)
                assert written in (None, wanted)
                planned += written is not None
                if written is None:
                    plans.learn(messages, tokenizer, asks, wanted)
    assert planned > 90  # of 168


def is_planned(template: str, *texts: str) -> list[bool]:
    """Whether each question of a few is written without the template; all of them are written as it writes them."""
    tokenizer, planned = make_tokenizer(template), []
    for text in texts:
        wanted = render._ask_template([ask(text)], (), tokenizer, False)
        written = plans.write([ask(text)], tokenizer, False)
        assert written in (None, wanted)
        planned.append(written is not None)
        if written is None:
            plans.learn([ask(text)], tokenizer, False, wanted)
    return planned


def test_versions_of_transformers_that_leave_messages_as_they_are_write_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 5.18 nothing gave reasoning its other names."""
    from transformers.utils import chat_template_utils

    monkeypatch.setattr(chat_template_utils, "_alias_reasoning_fields", list)  # what they are written by here
    tokenizer, row = make_tokenizer(THINKING), (ask("think"), answer("the", reasoning_content="hmm"))
    wanted = render._ask_template(row, (), tokenizer, False)
    monkeypatch.delattr(chat_template_utils, "_alias_reasoning_fields")
    for _ in range(2):  # the second of a form is followed
        plans.learn(row, tokenizer, False, wanted)
    assert "hmm" in wanted and plans.write(row, tokenizer, False) == wanted


def test_other_answers_of_a_text_are_another_plan() -> None:
    template = "{% for m in messages %}{{ 'long' if 'x' in m.content else m.content.strip() }}{% endfor %}"
    assert is_planned(template, " a", "b ", "c", "x", "yx", "d", "zx") == [False, False, True, False, True, True, True]


@pytest.mark.parametrize(
    "use",
    [
        "m.content | upper", "m.content[0]", "m.content | length", "m.content | tojson", "[m.content] | join(',')",
        "m.content in 'abc'", "m.content.split('b')[0]", "m.content.replace('a', 'b')", "'%s' | format(m.content)",
        "'{}'.format(m.content)", "'-'.join([m.content])", "'abc'.startswith(m.content)", "m | tojson",
        "m.content * 2", "'%s!' % m.content", "m.content < 'b'", "m.content | list", "{m.content: 1}[m.content]",
        "strftime_now('%H %M %S %f')[:0] + m.content", "m.content | replace('a', 'c')", "messages == [m]",
        "m.content is in 'abc'", "m.content | indent", "m.content.title()", "dict(a=m.content)['a'] | string",
        "(m.content, 1) | string", "m.items() | list", "('a' ~ m.content) is eq 'aa'",
        "messages | map(attribute='content') | first",
    ],
)  # fmt: skip
def test_what_looks_into_a_text_is_left_to_the_template(use: str) -> None:
    texts = ("a", "b", "abc", "", "cab", "a", "ba b", "“ü”\n", "a")
    is_planned(f"{{% for m in messages %}}{{{{ {use} }}}}{{% endfor %}}", *texts)


def test_the_date_is_asked_for_each_time() -> None:
    assert not any(is_planned("{{ strftime_now('%Y') }}{{ messages[0].content }}", "a", "b", "c", "d"))


def test_another_template_or_token_is_another_plan() -> None:
    tokenizer = make_tokenizer("{{ bos_token }}{{ messages[0].content }}")
    for text in "abcd":
        assert render.render([ask(text)], (), tokenizer, False) == f"<s>{text}"
    tokenizer.bos_token = "<think>"
    assert render.render([ask("e")], (), tokenizer, False) == "<think>e"
    tokenizer.chat_template = "{{ messages[0].content }}!"
    assert render.render([ask("e")], (), tokenizer, False) == "e!"


def test_calls_tools_and_huge_texts_go_through_the_template(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = make_tokenizer()
    call = {"type": "function", "function": {"name": "f", "arguments": {}}}
    rows = [[ask("a"), answer("b", tool_calls=[call])]] * 4
    for row in rows:
        plans.learn(row, tokenizer, False, render._ask_template(row, (), tokenizer, False))
        assert plans.write(row, tokenizer, False) is None
    asked: list[Any] = []
    real = render._ask_template
    monkeypatch.setattr(render, "_ask_template", lambda *args: (asked.append(1), real(*args))[1])
    for text in ("a", "b", "c", "d", "e" * (1 << 20)):
        assert text in render.render([ask(text)], (), tokenizer, False)
    assert len(asked) == 3  # two to learn the form, and the huge one
    for _ in range(3):
        render.render([ask("a")], ({"type": "function", "function": {"name": "f"}},), tokenizer, False)
    assert len(asked) == 6
