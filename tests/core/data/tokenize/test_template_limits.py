"""Chat templates that never end or fill the memory give one sentence; all others are rendered as before."""

import threading
from typing import Any

import pytest
from transformers.utils import chat_template_utils

from core.data.tokenize import template_budget
from core.data.tokenize.render import TemplateRefused, render
from core.data.tokenize.template_limits import LimitedEnvironment
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel
from core.resources import STARTER

MESSAGES = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
GROW = (
    "{%% set ns = namespace(s='xxxxxxxxxx') %%}{%% for i in range(40) %%}{%% set ns.s = %s %%}{%% endfor %%}{{ ns.s }}"
)
BIG = "{% set s = 'x' * 1000000 %}"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer(STARTER)


def outcome(tokenizer: Any, template: str) -> str:
    tokenizer.chat_template = template
    try:
        return render(MESSAGES, (), tokenizer, True)
    except (BadModel, TemplateRefused) as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% for k in range(99999) %}{% endfor %}{% endfor %}"
        "{% endfor %}hello",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% for i in range(99999) %}{{ range(99999)|map('string')|list|length }}{% endfor %}",
    ],
)
def test_hours_are_seconds(tokenizer: Any, template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_budget, "SECONDS", 0.2)
    sentence = f"BadModel: The chat template of {STARTER} takes more than 0.2 seconds for one conversation."
    assert outcome(tokenizer, template) == sentence


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'x' * 10**10 }}",
        GROW % "ns.s ~ ns.s",
        GROW % "ns.s + ns.s",
        BIG + "{{ s.replace('x', s) }}",
        BIG + "{{ s|replace('x', s) }}",
        BIG + "{{ s.join(['a'] * 99999) }}",
        BIG + "{{ ([s] * 99999)|join }}",
        BIG + "{{ ([{'a': s}] * 99999)|map(attribute='a')|join }}",
        BIG + "{{ ([{'a': s}] * 99999)|join(attribute='a') }}",
        BIG + "{% for i in range(99999) %}{{ s }}{% endfor %}",
        BIG + "{% set x %}{% for i in range(99999) %}{{ s }}{% endfor %}{% endset %}",
        BIG + "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + [s[1:]] %}{% endfor %}",
        "{{ ('\\t' * 1000000).expandtabs(1000000) }}",
        "{{ ('a ' * 100000)|wordwrap(1, wrapstring='b' * 1000000) }}",
    ],
)
def test_texts_are_bounded(tokenizer: Any, template: str) -> None:
    sentence = outcome(tokenizer, template)
    assert sentence.startswith(f"BadModel: The chat template of {STARTER} makes texts of more than 67,1")


@pytest.mark.parametrize(
    "value", ["[ns.s, ns.s]", "(ns.s, ns.s)", "{'a': ns.s, 'b': ns.s}", "dict(a=ns.s, b=ns.s)", "[ns.s] * 2"]
)
def test_lists_in_lists_are_bounded(tokenizer: Any, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_budget, "ENTRIES", 10_000)
    assert "makes a list of more than 10,000 entries" in outcome(tokenizer, GROW % value)
    assert outcome(tokenizer, GROW % "namespace(a=ns.s, b=ns.s)") == "namespace"


@pytest.mark.parametrize(
    "expression",
    [
        "'x'|center(10**10)",
        "'x'.ljust(10**10)",
        "'%10000000000d'|format(1)",
        "'%10000000000d' % 1",
        "'%*d' % (10**9, 1)",
        "'{:10000000000d}'.format(1)",
        "'{:{}}'.format(1, 10**9)",
        "'x'|indent(10**10, true)",
        "[1]|batch(10**10, 'x')|list",
        "[1]|slice(10**10)|list",
        "{'a': 1}|tojson(indent=10**9)",
        "lipsum(10**9)",
        "3 ** 10000000",
    ],
)
def test_nothing_is_widened_without_a_bound(tokenizer: Any, expression: str) -> None:
    assert "widens a text or a number beyond 1,000,000." in outcome(tokenizer, "{{ " + expression + " }}")


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "calls itself without an end."),
        ("{{ [[1], [2]]|sum(start=[]) }}", "adds lists up."),
        ("{% for i in range(10**9) %}x{% endfor %}", "TemplateRefused: OverflowError: Range too big"),
        ("{{ 1/0 }}", "TemplateRefused: ZeroDivisionError: division by zero"),
        ("{% for m in messages %}", "TemplateRefused: Unexpected end of template"),
    ],
)
def test_other_faults(tokenizer: Any, template: str, sentence: str) -> None:
    assert sentence in outcome(tokenizer, template)


ORDINARY = """{%- macro call(c) %}{{ c.name }}({{ c.args|tojson(indent=2) }}){% endmacro -%}
{% set ns = namespace(found=false, n=1) %}{% set shown = messages[1:] + messages[:1] %}
{% for m in shown if m.role != 'tool' %}{{ '<' + m['role'] + '>' ~ loop.index ~ '/' ~ loop.length ~ loop.last }}
{%- if loop.first %}{% set ns.found = true %}{% endif %}{% set ns.n = ns.n * 3 + 2 ** 3 %}
{{ m.content.strip().split('i')|join(', ')|replace('h', 'H') }}{{ "%s **%d**" % (m.role, ns.n) }}{{ '{:>5}'.format(1) }}
{% for c in m.content recursive %}{{ c|upper }}{% if not loop.depth > 1 and c == 'i' %}{{ loop('ab') }}{% endif %}
{%- else %}none{% endfor %}{{ call({'name': 'f', 'args': [1, {'a': m}]}) }}
{% break %}{% endfor %}{{ ns.found }}{{ [1, 2] + [3] }}{{ 1 + 2 + 3 }}{{ (1.5 + 2)|round }}{{ unknown is defined }}
{{ messages|map(attribute='role')|unique|sort|list }}{{ messages|selectattr('role', 'equalto', 'user')|list|length }}
{{ 'ab'.join(['1', '2']) }}{{ [1, 2, 3]|sum }}{{ 'a'|center(5) }}{{ none ~ 1 ~ missing }}{{ 'x' * 3 }}{{ [0] * 2 }}"""


def test_ordinary_templates_are_rendered_as_before(tokenizer: Any) -> None:
    compile_limited = chat_template_utils._compile_jinja_template
    limited = compile_limited(ORDINARY)
    plain = vars(compile_limited)["unlimited"](ORDINARY)
    assert isinstance(limited.environment, LimitedEnvironment) and not isinstance(plain.environment, LimitedEnvironment)
    for messages in (MESSAGES, MESSAGES * 100, [{"role": "user", "content": ""}]):
        assert limited.render(messages=messages) == plain.render(messages=messages)


def test_long_conversations_are_not_refused(tokenizer: Any) -> None:
    tokenizer.chat_template = "{% for m in messages %}{{ '<' ~ (m.role + m.content)|trim ~ '>' }}{% endfor %}"
    messages = [{"role": "user", "content": "x" * 1_000_000}] * 30
    assert len(render(messages, (), tokenizer, False)) == 30 * 1_000_006


def test_each_thread_has_a_budget_of_its_own(tokenizer: Any) -> None:
    tokenizer.chat_template = "{% for m in messages %}{{ m.content * 1000 }}{% endfor %}"
    lengths: list[int] = []

    def work() -> None:
        lengths.extend(len(render([{"role": "user", "content": "x" * 10_000}], (), tokenizer, False)) for _ in range(9))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lengths == [10_000_000] * 36
