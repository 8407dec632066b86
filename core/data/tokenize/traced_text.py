"""A text that remembers what a chat template does with it, so that the same can be done with other texts.

Whatever is done with it is either written down or ends the tracing: nothing looks at it unseen. What code in C would do
with a text without asking it is kept from it by core.data.tokenize.tracing.
"""

from collections.abc import Callable
from typing import Any, NoReturn


class Untraceable(BaseException):
    """A template does something that is not followed. No Exception, as templates' tests catch those."""


class Trace:
    """What a rendering looked at. `values` are the given texts and what was made of them, each by its number."""

    def __init__(self, texts: list[str]) -> None:
        self.values = [TracedText(text, self, (number,)) for number, text in enumerate(texts)]
        self.made: dict[tuple[int, str, tuple[Any, ...]], int] = {}  # (number, method, arguments): number of the result
        self.answers: dict[tuple[int, str, Any], bool] = {}  # (number, question, its argument): the answer

    def make(self, number: int, method: str, arguments: tuple[Any, ...]) -> "TracedText":
        key = number, method, arguments
        if key not in self.made:
            self.made[key] = len(self.values)
            text = getattr(str, method)(str.__str__(self.values[number]), *arguments)
            self.values.append(TracedText(text, self, (len(self.values),)))
        return self.values[self.made[key]]

    def ask(self, number: int, question: str, argument: Any) -> bool:
        answer = QUESTIONS[question](str.__str__(self.values[number]), argument)
        self.answers[number, question, argument] = answer
        return answer


QUESTIONS: dict[str, Callable[[str, Any], bool]] = {
    "contains": lambda text, part: part in text,
    "starts": lambda text, part: text.startswith(part),
    "ends": lambda text, part: text.endswith(part),
    "equals": lambda text, other: text == other,
    "any": lambda text, _: bool(text),
}


class TracedText(str):
    """A text of a trace: its own characters, and the parts that it was joined from."""

    trace: Trace
    parts: tuple[Any, ...]  # each a plain text, or the number of a value of the trace

    def __new__(cls, text: str, trace: Trace, parts: tuple[Any, ...]) -> "TracedText":
        made = super().__new__(cls, text)
        made.trace, made.parts = trace, parts
        return made

    def _number(self) -> int:
        if len(self.parts) != 1:
            raise Untraceable
        return int(self.parts[0])

    def _ask(self, question: str, argument: Any) -> bool:
        if type(argument) is not str:
            raise Untraceable
        return self.trace.ask(self._number(), question, argument)

    def __str__(self) -> str:
        return self

    def __add__(self, other: Any) -> Any:
        return join([self, other])

    def __radd__(self, other: Any) -> Any:
        return join([other, self])

    def __bool__(self) -> bool:
        return any(type(part) is str for part in self.parts) or self.trace.ask(self._number(), "any", None)

    def __eq__(self, other: object) -> bool:
        return self._ask("equals", other) if isinstance(other, str) else False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __contains__(self, part: Any) -> bool:
        return self._ask("contains", part)

    def startswith(self, part: Any, *more: Any) -> bool:
        return _end() if more else self._ask("starts", part)

    def endswith(self, part: Any, *more: Any) -> bool:
        return _end() if more else self._ask("ends", part)

    def strip(self, characters: Any = None, /) -> "TracedText":
        return self._make("strip", characters)

    def lstrip(self, characters: Any = None, /) -> "TracedText":
        return self._make("lstrip", characters)

    def rstrip(self, characters: Any = None, /) -> "TracedText":
        return self._make("rstrip", characters)

    def _make(self, method: str, characters: Any) -> "TracedText":
        if characters is not None and type(characters) is not str:
            raise Untraceable
        return self.trace.make(self._number(), method, (characters,))


def _end(*_: Any, **__: Any) -> NoReturn:
    raise Untraceable


_KEPT = ("__class__", "__new__", "__init__", "__init_subclass__", "__subclasshook__", "__getattribute__", "__setattr__",
         "__delattr__", "__doc__", "__dir__")  # fmt: skip
for _name in (*dir(str), "__rmod__", "__rmul__"):
    if _name not in _KEPT and _name not in vars(TracedText):
        setattr(TracedText, _name, _end)
TracedText.__hash__ = _end  # type: ignore[method-assign]


def join(texts: list[Any]) -> Any:
    """The texts as one: traced where one of them is, else plain."""
    traced = [text for text in texts if type(text) is TracedText]
    if any(type(text) not in (str, TracedText) for text in texts):
        raise Untraceable
    if not traced:
        return "".join(texts)
    parts: list[Any] = []
    for text in texts:
        for part in text.parts if type(text) is TracedText else (text,):
            if type(part) is str and parts and type(parts[-1]) is str:
                parts[-1] += part
            elif part != "":
                parts.append(part)
    plain = "".join([str.__str__(text) if type(text) is TracedText else text for text in texts])
    return TracedText(plain, traced[0].trace, tuple(parts))
