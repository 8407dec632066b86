"""A chat template is only watched where its code shows that it cannot run away; in doubt it is counted."""

import pytest
from transformers.utils import chat_template_utils

from core.data.tokenize import limit_templates, template_budget
from core.data.tokenize.limit_templates import WatchedEnvironment
from core.data.tokenize.render import render
from core.data.tokenize.template_inspection import is_harmless
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel
from core.resources import STARTER
from tests.core.conftest import TEMPLATE

EACH, END = "{% for m in messages %}", "{% endfor %}"
NS = "{% set ns = namespace(t='', l=[]) %}"


def judged(template: str) -> bool:
    load_tokenizer(STARTER)
    unlimited = vars(chat_template_utils._compile_jinja_template)["unlimited"]
    return is_harmless(unlimited("").environment.parse(template))


@pytest.mark.parametrize(
    "template",
    [
        TEMPLATE,
        (STARTER / "chat_template.jinja").read_text(),
        "{{ bos_token }}" + EACH + "{{ '<' + m['role'] + '>' ~ m.content | trim }}" + END,
        EACH + "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('no') }}{% endif %}" + END,
        NS + EACH + "{% set ns.t = ns.t + m.content %}" + END + "{{ ns.t }}",
        EACH + "{% set c = m.content.split('</think>')[-1] %}{{ c.lstrip('\\n') }}" + END,
        EACH + "{% for c in m.tool_calls %}{{ c.function | tojson(indent=4) }}{% endfor %}" + END,
        EACH + "{% set c = m.content %}{% for part in c %}{{ part.text }}{% endfor %}" + END,
        "{% for m in messages[::-1] %}{% set i = (messages|length - 1) - loop.index0 %}{{ i }}" + END,
    ],
)
def test_usual_templates_are_harmless(template: str) -> None:
    assert judged(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'x' * 9 }}",
        "{{ range(9) }}",
        "{% macro f() %}x{% endmacro %}{{ f() }}",
        "{% for m in messages recursive %}{{ loop(m) }}" + END,
        EACH + EACH + "x" + END + END,
        EACH + "{% for a in m.content %}{% for b in m.content %}x{% endfor %}{% endfor %}" + END,
        "{% set c = messages %}" + EACH + "{% set c = m.content %}{% for a in c %}x{% endfor %}" + END,
        "{% for c in messages %}{% set c = messages %}{% for a in c %}x{% endfor %}" + END,
        NS + EACH + "{% for a in ns.l %}x{% endfor %}{% set ns.l = ns.l + [m] %}" + END,
        NS + EACH + "{% set ns.t = ns.t + ns.t %}" + END,
        NS + EACH + "{% set ns.t = ns.t ~ m %}" + END,
        NS + EACH + "{% set ns.t = ns.t + messages[0].content %}" + END,
        NS + EACH + "{% set ns.l = [ns.l, ns.l] %}" + END,
        NS + EACH + "{% set ns.t = ns.t | replace('a', 'aa') %}" + END,
        NS + EACH + "{% set ns.t = ns.t | tojson %}" + END,
        NS + EACH + "{% set ns.t = m.content if ns.t else ns.t + ns.t %}" + END,
        "{% set a = 'x' + 'x' %}" + "{% set b = a + a %}{% set a = b + b %}" * 30,
        (NS + "{% for x in [ns.t, ns.t] %}{% set ns.t = ns.t + x %}" + END) * 30,
        "{% set l = ['x'] %}{% for x in l %}{% for y in x %}{% set z = y + x %}" + END + END,
        "{% set x %}{{ messages }}{% endset %}{{ x }}",
        "{{ messages[0].content | replace('', messages[0].content) }}",
        "{{ messages[0].content.join(messages) }}",
        "{{ messages[0].content.center(9999999) }}",
        "{{ messages[0].content | tojson(indent=9999999) }}",
        "{{ messages[0].content % 1 }}",
        "{% set f = messages[0].content.center %}{{ f(9999999) }}",
        "{% set ns = namespace(split=lipsum) %}{{ ns.split(9999999) }}",
        "{% set ns = namespace(split=messages[0].content.center) %}{{ ns.split(9999999) }}",
        "{% set ns = namespace(split=messages[0].content['center']) %}{{ ns.split(9999999) }}",
        "{% set k = 'cen' + 'ter' %}{% set d = {'get': messages[0].content[k]} %}{{ d.get(9999999) }}",
        "{{ messages | map('tojson') | list }}",
        "{% set a, b = messages %}{{ a }}",
        "{{ " + " + ".join(["messages[0].content"] * 100) + " }}",
    ],
)
def test_what_could_run_away_is_not(template: str) -> None:
    assert not judged(template)


def test_what_is_harmless_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = load_tokenizer(STARTER)
    tokenizer.chat_template = EACH + "{{ '<' + m.content + '>' }}" + END
    template = chat_template_utils._compile_jinja_template(tokenizer.chat_template)
    assert isinstance(template.environment, WatchedEnvironment)
    messages = [{"role": "user", "content": "x"}] * 1000
    assert render(messages, (), tokenizer, False) == "<x>" * 1000
    monkeypatch.setattr(limit_templates, "CHARACTERS", 2999)
    with pytest.raises(BadModel, match="makes texts of more than 2,999 characters"):
        render(messages, (), tokenizer, False)
    monkeypatch.undo()
    monkeypatch.setattr(template_budget, "SECONDS", -1.0)
    with pytest.raises(BadModel, match="takes more than -1 seconds"):
        render(messages, (), tokenizer, False)
