"""Conversations written without their chat template, where it was seen to do the same with others of their form.

A template is followed once for a form (core.data.tokenize.tracing): what comes out is the constant parts and the texts
in an order, and what was asked of the texts on the way. A conversation of the same form whose texts give the same
answers comes out the same, with its own texts. A template does far more than that for every row, and a row is written
several times to find what is learned of it.
"""

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.data.format.example import Message

_TEXTS = frozenset(("content", "reasoning_content", "thinking"))  # keys of messages whose values are traced
_HIDDEN = "weight"
LONGEST = 1 << 20  # characters of what is written so; more goes through the template, with its limits
_MOST_TEMPLATES = 16  # of a tokenizer
_MOST_FORMS = 512  # that are kept for a template
_MOST_PLANS = 8  # of a form, one for each set of answers
_MOST_FAILURES = 3  # of following a form

Form = tuple[Any, ...]  # whether an answer is asked for; the keys of every message, with the values that are not traced


@dataclass(frozen=True)
class Plan:
    """What a template makes of a form. `values` are the conversation's texts, and what `made` makes of them."""

    made: tuple[tuple[int, str, tuple[Any, ...]], ...]  # (number of a value, method, arguments): the next value
    answers: tuple[tuple[Any, int, Any, bool], ...]  # (question, number of a value, argument, answer)
    pieces: tuple[str, ...]  # of the text, those that are values left empty
    places: tuple[tuple[int, int], ...]  # (number of a piece, number of the value that it is)

    def write(self, texts: list[str]) -> str | None:
        """The text with these in it; None where they answer otherwise."""
        values = self.match(texts)
        if values is None:
            return None
        pieces = [*self.pieces]
        for piece, number in self.places:
            pieces[piece] = values[number]
        return "".join(pieces)

    def match(self, texts: list[str]) -> list[str] | None:
        """The values of these texts; None where they answer otherwise."""
        values = [*texts]
        for number, method, arguments in self.made:
            values.append(getattr(values[number], method)(*arguments))
        for question, number, argument, answer in self.answers:
            if question(values[number], argument) is not answer:
                return None
        return values


@dataclass
class _FormPlans:
    plans: list[Plan] = field(default_factory=list)
    failures: int = 0


@dataclass
class _TemplatePlans:
    """What is known of a tokenizer's template."""

    writes_tokens: bool = False  # whether the template may write the tokenizer's special tokens
    marks: tuple[Any, ...] = ()  # these tokens
    template: Any = None  # compiled, to be followed; None where it cannot be
    is_compiled: bool = False
    forms: dict[Form, _FormPlans] = field(default_factory=dict)


_kept = threading.local()  # of each thread: {tokenizer: {template: its plans}}


def write(messages: Sequence[Message], tokenizer: Any, add_generation_prompt: bool) -> str | None:
    """What the tokenizer's chat template makes of a conversation without tools; None where that has to be asked."""
    read = _read_form(messages, add_generation_prompt)
    known = _known(tokenizer).forms.get(read[0]) if read else None
    if not read or not known:
        return None
    texts = read[1]
    if known.plans and sum(map(len, texts)) < LONGEST:
        for plan in known.plans:
            text = plan.write(texts)
            if text is not None:
                return text if len(text) < LONGEST else None
    return None


def find(messages: Sequence[Message], tokenizer: Any, add_generation_prompt: bool) -> Plan | None:
    """A plan by which write() writes this conversation; None where there is none yet."""
    read = _read_form(messages, add_generation_prompt)
    known = _known(tokenizer).forms.get(read[0]) if read else None
    if not read or not known:
        return None
    return next((plan for plan in known.plans if plan.match(read[1]) is not None), None)


def learn(messages: Sequence[Message], tokenizer: Any, add_generation_prompt: bool, text: str) -> None:
    """Follow the template through a conversation of which it has just made `text`, from the second of its form on."""
    read = _read_form(messages, add_generation_prompt)
    if not read:
        return
    plans = _known(tokenizer)
    known = plans.forms.get(read[0])
    if known is None:
        if len(plans.forms) >= _MOST_FORMS:
            plans.forms.clear()
        plans.forms[read[0]] = _FormPlans()
    elif len(known.plans) < _MOST_PLANS and known.failures < _MOST_FAILURES:
        plan = _follow(messages, tokenizer, add_generation_prompt, text, plans)
        if plan:
            known.plans.append(plan)
        else:
            known.failures += 1


def _read_form(messages: Sequence[Message], add_generation_prompt: bool) -> tuple[Form, list[str]] | None:
    """The form of a conversation and its texts; None where it has more than texts."""
    form: list[Any] = [add_generation_prompt]
    texts: list[str] = []
    for message in messages:
        for key, value in message.items():
            if key == _HIDDEN:
                continue
            if type(value) is not str:
                return None
            form.append(key)
            if key in _TEXTS:
                texts.append(value)
            else:
                form.append(value)
        form.append(None)
    return tuple(form), texts


def _known(tokenizer: Any) -> _TemplatePlans:
    template = tokenizer.chat_template
    last: tuple[Any, Any, _TemplatePlans] | None = vars(_kept).get("last")
    if last is None or last[0]() is not tokenizer or last[1] is not template:
        last = weakref.ref(tokenizer), template, _find_plans(tokenizer, template)
        vars(_kept)["last"] = last
    plans = last[2]
    if plans.writes_tokens and plans.marks != (tokenizer.bos_token, tokenizer.eos_token):
        plans.marks = tokenizer.bos_token, tokenizer.eos_token
        plans.forms.clear()
    return plans


def _find_plans(tokenizer: Any, template: Any) -> _TemplatePlans:
    if type(template) is not str:  # several, by name
        return _TemplatePlans(is_compiled=True)
    tokenizers: Any = vars(_kept).setdefault("tokenizers", weakref.WeakKeyDictionary())
    plans: dict[str, _TemplatePlans] = tokenizers.setdefault(tokenizer, {})
    if len(plans) >= _MOST_TEMPLATES and template not in plans:
        plans.clear()
    return plans.setdefault(template, _TemplatePlans(writes_tokens="_token" in template))


def _follow(
    messages: Sequence[Message], tokenizer: Any, add_generation_prompt: bool, text: str, plans: _TemplatePlans
) -> Plan | None:
    from transformers.utils import chat_template_utils

    from core.data.tokenize.limit_templates import model_environment
    from core.data.tokenize.traced_text import QUESTIONS, Trace, TracedText, Untraceable  # these bring in jinja2
    from core.data.tokenize.tracing import TracingEnvironment

    read = _read_form(messages, add_generation_prompt)
    assert read is not None
    trace = Trace(read[1])
    remaining = iter(trace.values[:])
    traced = [{k: next(remaining) if k in _TEXTS else v for k, v in m.items() if k != _HIDDEN} for m in messages]
    try:
        if not plans.is_compiled:
            plans.is_compiled = True
            plans.template = TracingEnvironment(model_environment()).from_string(tokenizer.chat_template)
        if plans.template is None:
            return None
        # What transformers does to messages first, in versions that do; where it did otherwise, `text` is another.
        traced = getattr(chat_template_utils, "_alias_reasoning_fields", list)(traced)
        options = {"tools": None, "documents": None, "add_generation_prompt": add_generation_prompt}
        written = plans.template.render(messages=traced, **options, **tokenizer.special_tokens_map)
    except Untraceable:
        return None
    if str.__str__(written) != text:
        return None
    parts = written.parts if isinstance(written, TracedText) else (written,)
    return Plan(
        made=tuple(trace.made),
        answers=tuple((QUESTIONS[q], number, argument, a) for (number, q, argument), a in trace.answers.items()),
        pieces=tuple(part if isinstance(part, str) else "" for part in parts),
        places=tuple((n, part) for n, part in enumerate(parts) if isinstance(part, int)),
    )
