"""Where the answers stand in a conversation that a chat template has rendered. Pure work on text.

Templates do more than join messages: they drop the thinking of earlier turns, trim, move the system
message, end the last turn differently from the others. So nothing is assumed: an answer's place follows
from rendering the conversation again, shorter or with a marker in the answer's place, and comparing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.data.format.example import Message
from core.text.sentence import say

# render(messages, add_generation_prompt): the conversation as the template renders it.
Render = Callable[[Sequence[Message], bool], str]

MARK = "zqxmarkxqz"  # plain letters, so that no template trims, escapes or parses it


@dataclass(frozen=True)
class AnswerSpan:
    """An answer's characters `start` to `end` in the text, from the first one that the model writes to its end of
    turn."""

    start: int
    end: int
    prompt: str  # the text before it, as the model meets it when it answers; "" where the full text differs from it
    note: str = ""


@dataclass(frozen=True)
class _ContentSpan:
    """Where a message's own text stands."""

    start: int
    end: int


def find_answer(
    messages: Sequence[Message], number: int, full: str, render: Render, eos: str = ""
) -> AnswerSpan | None:
    """The span of an answer in a rendered conversation; None when it cannot be told.

    messages   the conversation
    number     index of the answer in it
    full       render(messages, False)
    eos        the tokenizer's end-of-text token, which some templates put behind the whole text

    Raises what `render` raises.
    """
    return _Search(messages, number, full, render, eos).find()


def common_prefix(first: str, second: str) -> int:
    """How many leading characters two texts share."""
    low, high = 0, min(len(first), len(second))
    while low < high:  # by halving: comparing slices is much faster than going character by character
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(frozen=True)
class _Search:
    """The search for one answer; the fields are the arguments of find_answer()."""

    messages: Sequence[Message]
    number: int
    full: str
    render: Render
    eos: str

    @property
    def answer(self) -> Message:
        return self.messages[self.number]

    @property
    def context(self) -> Sequence[Message]:
        """The messages before the answer."""
        return self.messages[: self.number]

    def find(self) -> AnswerSpan | None:
        full = self.full
        prompt = self.render(self.context, True) if self.number else ""
        if prompt and full.startswith(prompt):
            end = self._prefix_end()
            if end is not None and _has_message(self.answer, full[len(prompt) : end]):
                return AnswerSpan(len(prompt), end, prompt)
        content = self._find_content(self.number)
        if content is None:
            return None
        start, note = self._find_start(prompt, content.start)
        end, is_closed = self._find_end(content)
        if not start <= content.start <= content.end <= end:
            return None
        if not _has_calls(self.answer, full[start:end]):
            return None
        if self.number + 1 < len(self.messages):
            following = self._find_content(self.number + 1)
            if following is not None and following.start < end:
                return None
        if not is_closed:
            note = note or say(
                "The end of an earlier answer cannot be told from the template; it is learned without it."
            )
        if str(self.answer.get("content") or "").strip() not in full[start:end]:
            note = note or say("The template writes an answer differently from the row; what it writes is learned.")
        return AnswerSpan(start, end, prompt if full.startswith(prompt) else "", note)

    def _prefix_end(self) -> int | None:
        """Where the answer ends if the conversation up to it is rendered the same as within the whole, else None."""
        if self.number == len(self.messages) - 1:
            return len(self.full)
        prefix = self.render(self.messages[: self.number + 1], False)
        return len(prefix) if self.full.startswith(prefix) else None

    def _find_content(self, number: int) -> _ContentSpan | None:
        """Where a message's own text stands, found by rendering a marker in its place. None if the marker is not there
        exactly once."""
        marked = [dict(m) for m in self.messages]
        marked[number]["content"] = MARK
        text = self.render(marked, False)
        if text.count(MARK) != 1:
            return None
        place = text.index(MARK)
        tail = text[place + len(MARK) :]
        start = common_prefix(self.full, text[:place])
        end = len(self.full) - common_prefix(self.full[::-1], tail[::-1])
        return _ContentSpan(start, max(start, end))  # they overlap where an empty text stands between like characters

    def _find_start(self, prompt: str, content: int) -> tuple[int, str]:
        """(where the text that the model writes begins, a note). What the template itself opens an answer with is not
        learned. `content` is where the answer's own text begins."""
        full = self.full
        if prompt and full.startswith(prompt):
            return min(len(prompt), content), ""
        if not self.number:
            return content, ""
        opening = self._find_opening(prompt)
        shared = common_prefix(prompt, full)
        if opening and shared >= len(prompt) - len(opening):
            start = min(shared, content)
            extra = prompt[start:].strip()
            return start, say(
                "To ask, the template writes {extra!r}, which the answered text does not have.", extra=extra
            )
        place = full.rfind(opening, 0, content + 1) if opening else -1
        place = place if place >= 0 and full[place + len(opening) : content].strip() == "" else -1
        start = place + len(opening) if place >= 0 else content
        return start, say("The template writes earlier turns differently once the conversation goes on.")

    def _find_end(self, content: _ContentSpan) -> tuple[int, bool]:
        """(where the answer ends, whether its end of turn is part of it)."""
        prefix_end = self._prefix_end()
        if prefix_end is not None:
            return prefix_end, True
        for closing in self._closings():
            if content.start == content.end:
                # Some templates separate text and call by a line break, but only if there is text.
                closing = closing if self.full.startswith(closing, content.end) else closing.lstrip("\n")
            if self.full.startswith(closing, content.end):
                return content.end + len(closing), True
        return content.end, False

    def _closings(self) -> list[str]:
        """What the template may write behind an answer that others follow, the surest first."""
        marked = [*self.context, {**self.answer, "content": MARK}]
        ending = self.render(marked, False).rpartition(MARK)[2]
        ending_and_opening = self.render(marked, True).rpartition(MARK)[2]
        opening = self._find_opening(self.render(self.context, True)) if self.number else ""
        closings = [ending]
        if self.eos and ending.endswith(self.eos):  # some templates end the whole text with it
            closings.append(ending[: -len(self.eos)])
        if opening and ending_and_opening.endswith(opening):
            closings.append(ending_and_opening[: -len(opening)])
        # An empty closing is believed only of a template that ends answers with nothing.
        return [closing for closing in closings if closing or not ending]

    def _find_opening(self, prompt: str) -> str:
        """The generation prompt: what the template writes to let the model answer; "" when that cannot be told."""
        question = self.render(self.context, False)
        # Some templates end the whole text with an end of text of its own.
        texts = (question, question.removesuffix(self.eos))
        return next((prompt[len(text) :] for text in texts if prompt.startswith(text)), "")


def _has_message(message: Message, text: str) -> bool:
    """Whether the text holds what the message says and calls."""
    return str(message.get("content") or "").strip() in text and _has_calls(message, text)


def _has_calls(message: Message, text: str) -> bool:
    """Whether the text holds every function call of the message; some templates leave them out."""
    return all(str(c.get("function", c).get("name", "")) in text for c in message.get("tool_calls") or ())
