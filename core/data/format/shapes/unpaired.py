"""Rows with one answer and a mark: good or bad."""

from typing import Any

from core.data.format import conversation as chat
from core.data.format.example import Example, Unusable
from core.data.format.shapes import common, pairs
from core.data.format.shapes.common import Built, Shape, Values
from core.data.read.reader import Row

NAME = "Thumbs up and down"
LABEL = ("label", "kto_tag", "thumbs", "thumb", "good", "desirable", "feedback")
_GOOD = ("true", "1", "1.0", "+1", "yes", "good", "up", "thumbs up", "desirable", "positive", "👍")
_BAD = ("false", "0", "0.0", "-1", "no", "bad", "down", "thumbs down", "undesirable", "negative", "👎")
_ASKED = (*common.PROMPT, *common.INSTRUCTION, "question", "query")
_MORE = (("input",), common.SYSTEM, common.TOOLS)


def columns(value: Values) -> tuple[str, ...]:
    """Those of a row with an answer and a mark that means good or bad; any other label is not for this."""
    name = common.pick(value, LABEL)
    if not name or _mark(value[name]) is None:
        return ()
    if isinstance(common.get(value, common.MESSAGES), list):
        return common.needs(common.MESSAGES, LABEL, extra=_MORE[1:])(value)
    return common.needs(_ASKED, common.ANSWER, LABEL, extra=_MORE)(value)


def build(row: Row) -> Built:
    """A conversation that ends with the answer, or prompt and completion, with the mark. Raises Unusable."""
    label = _mark(row.value[common.pick(row.value, LABEL)])
    if label is None:
        raise Unusable("label", "label is neither good nor bad.")
    if isinstance(common.get(row.value, common.MESSAGES), list):
        messages, remarks = chat.answered(common.messages(row.value))
        return (Example(row.line, messages=messages, label=label, tools=common.tools(row.value)),), remarks
    asked = common.pick(row.value, _ASKED)
    before: Any = common.get(row.value, (asked,))
    answer = common.get(row.value, common.ANSWER)
    if asked.strip().lower() == "prompt" and not chat.is_conversation(before):
        completion = common.text(row.value, common.ANSWER)
        return (Example(row.line, prompt=common.text(row.value, (asked,)), completion=completion, label=label),), []
    if asked.strip().lower() == "instruction":
        before = common.instruction(row.value)
    elif chat.is_conversation(before):
        before = chat.conversation(before)
    else:
        before = (*common.system(row.value), common.user(common.text(row.value, (asked,))))
    after = chat.conversation(answer) if chat.is_conversation(answer) else ()
    after = after or (common.assistant(common.text(row.value, common.ANSWER)),)
    messages, remarks = chat.answered((*before, *after))
    return (Example(row.line, messages=messages, label=label, tools=common.tools(row.value)),), remarks


def _mark(value: Any) -> bool | None:
    """Whether a label means good (True) or bad (False); None when it means neither."""
    word = str(value).strip().lower()
    return True if word in _GOOD else False if word in _BAD else None


def _both(row: Row) -> Built:
    """A pair as one good and one bad answer."""
    (pair,), remarks = pairs.build(row)
    made = []
    for answer, label in ((pair.chosen, True), (pair.rejected, False)):
        if isinstance(answer, str):
            made.append(Example(row.line, prompt=pair.prompt, completion=answer, label=label))
        else:
            messages = (*(pair.messages or ()), *(answer or ()))
            made.append(Example(row.line, messages=messages, label=label, tools=pair.tools))
    return tuple(made), remarks


SHAPES = (
    Shape(NAME, "prompt, completion and label, or messages and label", columns, build),
    Shape(pairs.NAME, "", pairs.columns, _both, "Each pair becomes one good and one bad answer."),
)
