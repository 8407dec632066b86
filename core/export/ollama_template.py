"""A chat template in the form that Ollama reads (Go's text/template), made from the model's own and compared with it.

The model's template is asked what it writes around each message; the result is one fixed form with those texts in it.
It is used only where it gives the same text as the model's own template for a set of conversations.

Source of the form: Ollama's documentation of templates (.System, .Messages with .Role and .Content).
"""

import re
from dataclasses import dataclass
from typing import Any

from core.data.tokenize.render import TemplateRefused, render_with_fallbacks

_MARK = "\ue000text\ue001"  # in the place of a message's text; no template writes it
Conversation = tuple[dict[str, str], ...]


def _talk(*texts: str, system: str = "") -> Conversation:
    turns = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
    return (*([{"role": "system", "content": system}] if system else []), *turns)


# What the two templates are compared on.
PROBES: tuple[Conversation, ...] = (
    _talk("Hi"),
    _talk("Hi", "Hello.", "And then?"),
    _talk("Hi", system="Be brief."),
    _talk("Hi", "Hello.", "And then?", "That.", "So?", system="Be brief.\n\nAlways."),
    _talk("Wörter, 你好 😀\nin lines", "{{ .System }} {% if x %}", "“quotes” 'and' \"more\""),
)
WITHOUT_SYSTEM = tuple(probe for probe in PROBES if probe[0]["role"] != "system")


@dataclass(frozen=True)
class OllamaTemplate:
    """The texts around messages."""

    opening: str  # where there is no system message
    system: tuple[str, str] | None  # before and behind the system message; None: the template has no place for one
    user: tuple[str, str]
    assistant: tuple[str, str]
    answer: str  # before the answer that is asked for

    def to_go(self) -> str:
        """The template as Ollama reads it."""
        opening = _go_text(self.opening)
        if self.system is not None:
            before, behind = map(_go_text, self.system)
            opening = f"{{{{ if .System }}}}{before}{{{{ .System }}}}{behind}{{{{ else }}}}{opening}{{{{ end }}}}"
        user, assistant = (f"{_go_text(a)}{{{{ .Content }}}}{_go_text(b)}" for a, b in (self.user, self.assistant))
        answer = _go_text(self.answer)
        return (
            f'{opening}{{{{ range .Messages }}}}{{{{ if eq .Role "user" }}}}{user}'
            f'{{{{ else if eq .Role "assistant" }}}}{assistant}{{{{ end }}}}{{{{ end }}}}{answer}'
        )


def make_template(tokenizer: Any, bos: str = "") -> OllamaTemplate | None:
    """The template for a tokenizer that has a chat template; None where no such form says the same.

    Arguments:
        tokenizer: what load_tokenizer() gave.
        bos: the token that Ollama puts first by itself; it is taken away from the beginning.
    """
    template = _take_apart(tokenizer, bos)
    if template is None:
        return None
    go = template.to_go()
    probes = PROBES if template.system is not None else WITHOUT_SYSTEM
    return template if all(evaluate(go, p) == _render(tokenizer, p, bos) for p in probes) else None


def _take_apart(tokenizer: Any, bos: str) -> OllamaTemplate | None:
    """The texts around marked messages, as the model's template writes them."""
    one, two = (_render(tokenizer, _talk(*[_MARK] * n), bos) for n in (1, 3))
    named = _render(tokenizer, _talk(_MARK, system=_MARK), bos)
    if one is None or two is None:
        return None
    before, _, behind = one.partition(_MARK)
    parts = two.split(_MARK)
    if len(parts) != 4 or parts[0] != before or not behind or parts[3] != behind:
        return None
    # Between a question and an answer: the end of one, and what stands before the other; so it is the other way round.
    to_answer, to_question = parts[1], parts[2]
    user_start = _common_end(before, to_question)
    assistant_end = to_question[: len(to_question) - len(user_start)]
    user_end = _common_end(behind[::-1], to_answer[::-1])[::-1]  # their common beginning
    if assistant_end and user_end.startswith(assistant_end):  # one end for both
        user_end = assistant_end
    assistant_start, answer = to_answer[len(user_end) :], behind[len(user_end) :]
    opening = before[: len(before) - len(user_start)]
    system = None
    if named is not None and named.count(_MARK) == 2:
        first, middle, last = named.split(_MARK)
        if last == behind and middle.endswith(user_start):
            system = first, middle[: len(middle) - len(user_start)]
    return OllamaTemplate(opening, system, (user_start, user_end), (assistant_start, assistant_end), answer)


def _common_end(a: str, b: str) -> str:
    """The longest text that both end with."""
    length = 0
    while length < min(len(a), len(b)) and a[-1 - length] == b[-1 - length]:
        length += 1
    return a[len(a) - length :]


def _render(tokenizer: Any, messages: Conversation, bos: str) -> str | None:
    """What the model's own template writes for messages and the beginning of an answer; None where it refuses them."""
    try:
        text = render_with_fallbacks(messages, (), tokenizer, True).text
    except TemplateRefused:
        return None
    return text.removeprefix(bos) if bos else text


def _go_text(text: str) -> str:
    """A text in a Go template: braces are written by an action, as they would begin one."""
    return re.sub(r"\{\{|\}\}", lambda match: '{{ "' + match[0] + '" }}', text)


# The part of text/template that to_go() writes.
_ACTION = re.compile(r'\{\{ (?:(?P<text>"[^"]*")|(?P<name>[^}]*?)) \}\}')


def evaluate(go: str, messages: Conversation) -> str:
    """What a template of to_go() gives for messages, as Ollama would fill it in.

    Ollama joins the system messages into .System and has them in .Messages too.
    """
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    begin, rest = go.split("{{ range .Messages }}")
    body, _, end = rest.rpartition("{{ end }}{{ end }}")
    parts = body.removeprefix('{{ if eq .Role "user" }}').split('{{ else if eq .Role "assistant" }}')
    by_role = dict(zip(("user", "assistant"), parts, strict=True))
    if begin.startswith("{{ if .System }}"):
        named, _, unnamed = begin.removeprefix("{{ if .System }}").removesuffix("{{ end }}").partition("{{ else }}")
        begin = named if system else unnamed
    turns = "".join(_fill(by_role[m["role"]], {".Content": m["content"]}) for m in messages if m["role"] in by_role)
    return _fill(begin, {".System": system}) + turns + _fill(end, {})


def _fill(part: str, values: dict[str, str]) -> str:
    return _ACTION.sub(lambda match: match["text"][1:-1] if match["text"] else values[match["name"]], part)
