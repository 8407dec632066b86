"""The texts of many examples: by plans for the conversations whose form was met before, else by render_example()."""

from dataclasses import dataclass, field
from typing import Any

from core.data.format.example import Example
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.data.tokenize.rendered_text import RenderedText, render_example
from core.data.tokenize.row_plans import PlannedText, RowPlan, build_plan, is_short

_MOST_FORMS = 512  # that are kept for a tokenizer
_MOST_PLANS = 8  # of a form
_MOST_FAILURES = 4  # of making a plan for a form; the first rows of one are not written by plans yet

Form = tuple[Any, ...]  # the role of each message, and whether it is learned where that is said


@dataclass
class _Form:
    plans: list[RowPlan] = field(default_factory=list)
    failures: int = 0


class RowWriter:
    """Writes the texts of examples for a tokenizer whose template and tokens stay as they are meanwhile."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._forms: dict[Form, _Form] = {}
        # What is added behind the template's text, and what is said of it, is left to render_example().
        self._has_plans = bool(tokenizer.chat_template) and not find_end_of_turn(tokenizer).added

    def write(self, text: Example, train_on: str) -> RenderedText | PlannedText:
        """What render_example() makes of one of the texts of an example."""
        read = None
        if self._has_plans and text.messages is not None and not text.tools and train_on != "all":
            read = _read_form(text, train_on)
        if read is None:
            return render_example(text, self._tokenizer, train_on)
        form, texts = read
        known = self._forms.get(form)
        if known is not None:
            for plan in known.plans:
                pieces = plan.write(texts)
                if pieces is not None:
                    written = "".join(pieces)
                    if is_short(written):
                        return PlannedText(written, plan, pieces)
                    break
        rendered = render_example(text, self._tokenizer, train_on)
        self._learn(form, text, rendered)
        return rendered

    def _learn(self, form: Form, text: Example, rendered: RenderedText) -> None:
        if form not in self._forms and len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        known = self._forms.setdefault(form, _Form())
        if known.failures >= _MOST_FAILURES or len(known.plans) >= _MOST_PLANS or text.messages is None:
            return
        learned = [n for n, m in enumerate(text.messages) if m["role"] == "assistant" and m.get("weight", 1)]
        plan = build_plan(text.messages, learned[-1:] if form[0] == "last" else learned, rendered, self._tokenizer)
        if plan is None:
            known.failures += 1
        elif plan not in known.plans:
            known.plans.append(plan)


def _read_form(text: Example, train_on: str) -> tuple[Form, list[str]] | None:
    """The form of a conversation and its texts; None where it is not of texts alone, each of which says something, or
    where it does not end with an answer."""
    form: list[Any] = [train_on]
    texts = []
    messages = text.messages or ()
    for message in messages:
        if len(message) == 2:
            form.append(message["role"])
        elif len(message) == 3 and "weight" in message:
            form.append((message["role"], bool(message["weight"])))
        else:
            return None
        content = message["content"]
        if type(content) is not str or not content or content.isspace() or next(iter(message)) != "role":
            return None
        texts.append(content)
    if messages[-1]["role"] != "assistant" or any(message["role"] == "developer" for message in messages):
        return None
    return tuple(form), texts
