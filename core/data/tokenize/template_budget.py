"""What one rendering of a chat template may use: time, characters, entries of a list; and what it has used so far."""

import math
import time
from collections.abc import Callable
from typing import Any

from core.text.sentence import say

SECONDS = 5.0  # of the thread's own work for one conversation; usual are thousandths
CHARACTERS = 1 << 26  # that all texts of one rendering may have together, and FACTOR times what the messages have
FACTOR = 64
ITEM = 4  # an entry of a list takes as much as so many characters
ENTRIES = 1_000_000  # of a list with all the lists in it
LOOK = 64  # steps, or rounds of a loop, between two looks at the clock


class TemplateLimit(Exception):
    """A template went beyond a limit; the text says which."""


class Budget:
    """What the present rendering of a template has used so far."""

    def __init__(self) -> None:
        self.characters, self.limit, self.steps = 0, CHARACTERS, 0
        self.deadline: float | None = None  # from the first look at the clock on, which takes a moment itself
        self.given: Any = None  # what is rendered, until its size is needed

    def start(self, given: Any) -> None:
        """Begin the rendering of what is given."""
        self.characters, self.limit, self.given = 0, CHARACTERS, given
        self.deadline = None

    def step(self) -> None:
        """Count a loop, a call or a filter, with a look at the clock now and then."""
        self.steps += 1
        if not self.steps % LOOK:
            self.check_time()

    def check_time(self) -> None:
        now = time.thread_time()
        if self.deadline is None:
            self.deadline = now + SECONDS
        if now > self.deadline:
            raise TemplateLimit(say("takes more than {seconds:g} seconds for one conversation", seconds=SECONDS))

    def add(self, size: int) -> None:
        """Count a text or list of this size, before it is made where that is possible."""
        self.characters += size
        if self.characters > self.limit and self.given is not None:
            self.limit += FACTOR * count_entries(self.given, math.inf, len)
            self.given = None
        if self.characters > self.limit:
            raise TemplateLimit(
                say("makes texts of more than {limit:,} characters for one conversation", limit=self.limit)
            )

    def keep(self, value: Any) -> Any:
        """The value, counted."""
        kind = type(value)
        if kind is str:
            self.add(len(value))
        elif kind in (list, tuple, dict):
            self.add(ITEM * len(value))
        return value


def count_entries(value: Any, limit: float, text_size: Callable[[str], int] = lambda _: 1) -> int:
    """How many entries a value has with all that lies in it, each text counted by its size; it stops at the limit."""
    waiting, count = [value], 0
    while waiting and count + len(waiting) <= limit:
        value = waiting.pop()
        count += text_size(value) if isinstance(value, str) else 1
        if isinstance(value, list | tuple):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
    return count + len(waiting)
