"""Where the answers stand in a conversation that a chat template has written out. Pure work on text.

Templates do more than join messages: they drop the thinking of earlier turns, trim, move the system
message, end the last turn differently from the others. So nothing is assumed: an answer's place follows
from writing the conversation out again, shorter or with a mark in the answer's stead, and comparing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.data.format.example import Message

# render(messages, ask): the conversation as the template writes it; ask adds the opening of an answer.
Render = Callable[[Sequence[Message], bool], str]

MARK = "zqxmarkxqz"  # plain letters, so that no template trims, escapes or parses it


@dataclass(frozen=True)
class AnswerSpan:
    """An answer's place in the text, from its first character that the model writes to its end of turn."""

    start: int
    end: int
    prompt: str  # the text before, as the model meets it when it answers; "" where the full text differs from it
    note: str = ""


@dataclass(frozen=True)
class _Content:
    """Where a message's own text stands."""

    start: int
    end: int


def find_answer(
    messages: Sequence[Message], number: int, full: str, render: Render, eos: str = ""
) -> AnswerSpan | None:
    """The place of answer `number` in `full`, the whole conversation written out; None when it cannot be told."""
    prompt = render(messages[:number], True) if number else ""
    if prompt and full.startswith(prompt):
        end = _plain_end(messages, number, full, render)
        if end is not None and _shows(messages[number], full[len(prompt) : end]):
            return AnswerSpan(len(prompt), end, prompt)
    content = _content(messages, number, full, render)
    if content is None:
        return None
    start, note = _start(messages, number, full, render, prompt, content.start, eos)
    end, closed = _end(messages, number, full, render, content, eos)
    if not start <= content.start <= content.end <= end:
        return None
    if not _calls(messages[number], full[start:end]):
        return None
    if number + 1 < len(messages):
        following = _content(messages, number + 1, full, render)
        if following is not None and following.start < end:
            return None
    if not closed:
        note = note or "The end of an earlier answer cannot be told from the template; it is learned without it."
    if str(messages[number].get("content") or "").strip() not in full[start:end]:
        note = note or "The template writes an answer differently from the row; what it writes is learned."
    return AnswerSpan(start, end, prompt if full.startswith(prompt) else "", note)


def _shows(message: Message, text: str) -> bool:
    """Whether the text holds what the message says and calls."""
    return str(message.get("content") or "").strip() in text and _calls(message, text)


def _calls(message: Message, text: str) -> bool:
    """Whether the text holds every function call of the message; some templates leave them out."""
    return all(str(c.get("function", c).get("name", "")) in text for c in message.get("tool_calls") or ())


def _plain_end(messages: Sequence[Message], number: int, full: str, render: Render) -> int | None:
    """Where the answer ends if the conversation up to it is written the same as within the whole."""
    if number == len(messages) - 1:
        return len(full)
    through = render(messages[: number + 1], False)
    return len(through) if full.startswith(through) else None


def _content(messages: Sequence[Message], number: int, full: str, render: Render) -> _Content | None:
    """Where the message's own text stands, by writing a mark in its place. None if it is not there exactly once."""
    marked = [dict(m) for m in messages]
    marked[number]["content"] = MARK
    text = render(marked, False)
    if text.count(MARK) != 1:
        return None
    at = text.index(MARK)
    tail = text[at + len(MARK) :]
    start = common_prefix(full, text[:at])
    end = len(full) - common_prefix(full[::-1], tail[::-1])
    return _Content(start, max(start, end))  # they overlap where an empty text stands between like characters


def _start(
    messages: Sequence[Message], number: int, full: str, render: Render, prompt: str, content: int, eos: str
) -> tuple[int, str]:
    """(where what the model writes begins, a note). What the template itself opens an answer with is not learned."""
    if prompt and full.startswith(prompt):
        return min(len(prompt), content), ""
    if not number:
        return content, ""
    opening = _opening(messages[:number], render, prompt, eos)
    same = common_prefix(prompt, full)
    if opening and same >= len(prompt) - len(opening):
        start = min(same, content)
        extra = prompt[start:].strip()
        return start, f"To ask, the template writes {extra!r}, which the answered text does not have."
    found = full.rfind(opening, 0, content + 1) if opening else -1
    found = found if found >= 0 and full[found + len(opening) : content].strip() == "" else -1
    start = found + len(opening) if found >= 0 else content
    return start, "The template writes earlier turns differently once the conversation goes on."


def _end(
    messages: Sequence[Message], number: int, full: str, render: Render, content: _Content, eos: str
) -> tuple[int, bool]:
    """(where the answer ends, whether its end of turn is part of it)."""
    plain = _plain_end(messages, number, full, render)
    if plain is not None:
        return plain, True
    for closing in _closings(messages, number, render, eos):
        if content.start == content.end:  # some templates part text and call by a line break, but only if there is text
            closing = closing if full.startswith(closing, content.end) else closing.lstrip("\n")
        if full.startswith(closing, content.end):
            return content.end + len(closing), True
    return content.end, False


def _closings(messages: Sequence[Message], number: int, render: Render, eos: str) -> list[str]:
    """What the template may write behind an answer that others follow, the surest first."""
    marked = [*messages[:number], {**messages[number], "content": MARK}]
    alone = render(marked, False).rpartition(MARK)[2]
    asking = render(marked, True).rpartition(MARK)[2]
    opening = _opening(messages[:number], render, render(messages[:number], True), eos) if number else ""
    found = [alone]
    if eos and alone.endswith(eos):  # some templates end the whole text with it
        found.append(alone[: -len(eos)])
    if opening and asking.endswith(opening):
        found.append(asking[: -len(opening)])
    # Nothing at all is believed only of a template that ends answers with nothing.
    return [closing for closing in found if closing or not alone]


def _opening(before: Sequence[Message], render: Render, prompt: str, eos: str) -> str:
    """What the template writes to let the model answer; "" when that cannot be told."""
    asked = render(before, False)
    # Some templates end the whole text with an end of text of its own.
    return next((prompt[len(a) :] for a in (asked, asked.removesuffix(eos)) if prompt.startswith(a)), "")


def common_prefix(one: str, other: str) -> int:
    """How many leading characters two texts share."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # by halving: comparing slices is much faster than going character by character
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
