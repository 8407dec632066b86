"""Whether an answer is right: one small rule for each form an answer can take."""

import re
from collections.abc import Callable, Sequence

Expected = str | Sequence[str]


def visible(answer: str) -> str:
    """The answer without its thinking. An unfinished thought leaves nothing."""
    _, opened, thinking = answer.partition("<think>")
    return (thinking.rpartition("</think>")[2] if "</think>" in thinking else "").strip() if opened else answer.strip()


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+", text.lower())


def number(expect: Expected, answer: str) -> bool:
    """The last number of the answer is the expected one."""
    found = re.findall(r"\d+", answer)
    return bool(found) and found[-1] == expect


def numbers(expect: Expected, answer: str) -> bool:
    """The numbers of the answer are the expected ones ("3 5 9"), in that order."""
    return " ".join(re.findall(r"\d+", answer)) == expect


def word(expect: Expected, answer: str) -> bool:
    """The expected word or words stand in the answer, one after the other."""
    return f" {' '.join(_words(str(expect)))} " in f" {' '.join(_words(answer))} "


def words(expect: Expected, answer: str) -> bool:
    """All expected words stand in the answer."""
    return all(word(w, answer) for w in expect)


def first(expect: Expected, answer: str) -> bool:
    """The answer begins with the expected word."""
    return _words(answer)[:1] == [expect]


def order(expect: Expected, answer: str) -> bool:
    """The answer is the expected words in that order, with nothing but commas, spaces or dashes between."""
    return _words(answer.replace(" and ", " ")) == _words(str(expect))


def exact(expect: Expected, answer: str) -> bool:
    """The answer is the expected text, letter for letter."""
    return answer == expect


def one_of(expect: Expected, answer: str) -> bool:
    """The answer is one of the expected texts."""
    return answer in expect


def members(expect: Expected, answer: str) -> bool:
    """The answer names the right number of different things, all of them of the asked kind.

    `expect` is the number followed by everything of that kind.
    """
    count, known = int(expect[0]), set(expect[1:])
    named = [w for w in _words(answer) if w not in ("and", "are")]
    return len(named) == len(set(named)) == count and set(named) <= known


def story(expect: Expected, answer: str) -> bool:
    """At least four sentences, the last one finished, and everything asked for occurs."""
    return len(re.findall(r"[.!?]", answer)) >= 4 and answer[-1:] in (".", "!", '"') and words(expect, answer)


RULES: dict[str, Callable[[Expected, str], bool]] = {
    rule.__name__: rule for rule in (number, numbers, word, words, first, order, exact, one_of, members, story)
}


def right(rule: str, expect: Expected, answer: str) -> bool:
    """Whether an answer passes its rule; thinking before it does not count."""
    return RULES[rule](expect, visible(answer))
