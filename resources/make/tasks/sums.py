"""Sums of two numbers with one or two digits: plus and minus, results not below zero. Held out are pairs of numbers."""

from random import Random

from resources.make.expand import expand
from resources.make.items import Item

SHARE = 12
PLUS = expand(
    "What is {a} (+|plus) {b}?", "What is {a} and {b} together?", "(Add|Please add) {a} and {b}.", "{a} + {b} = ?",
    "(Calculate|Work out|Solve) {a} + {b}.", "How much is {a} (+|plus) {b}?", "{a} + {b}", "{a} plus {b}?",
    "What is the sum of {a} and {b}?",
)  # fmt: skip
MINUS = expand(
    "What is {a} (-|minus) {b}?", "(Subtract|Take) {b} from {a}.", "{a} - {b} = ?",
    "(Calculate|Work out|Solve) {a} - {b}.", "How much is {a} (-|minus) {b}?", "{a} - {b}", "{a} minus {b}?",
    "What is the difference between {a} and {b}?",
)  # fmt: skip
_STEPS = expand(" (Think step by step.|Show your steps.|Explain.)")


def draw(rng: Random) -> Item:
    """One sum; the answer in steps where the prompt asks for that."""
    a, b = _number(rng), _number(rng)
    plus = rng.random() < 0.5
    if not plus:
        a, b = max(a, b), min(a, b)
    sign, result = ("+", a + b) if plus else ("-", a - b)
    prompt = rng.choice(PLUS if plus else MINUS).format(a=a, b=b)
    answers: tuple[str, ...] = (
        f"{a} {sign} {b} = {result}",
        f"{a} {sign} {b} = {result}",
        str(result),
        f"The answer is {result}.",
    )
    if rng.random() < 0.1:
        prompt += rng.choice(_STEPS)
        answers = (steps(a, sign, b),)
    low, high = sorted((a, b))
    return Item(f"sums: {low} {sign} {high}", prompt, answers, str(result), "number", short=str(result))


def _number(rng: Random) -> int:
    """0 to 99; the single digits more often than their share."""
    return rng.randrange(10) if rng.random() < 0.2 else rng.randrange(100)


def steps(a: int, sign: str, b: int) -> str:
    """The sum with thinking before the answer: the tens of b first, then its ones."""
    plus = sign == "+"
    tens, ones = b - b % 10, b % 10
    lines = []
    if tens and ones:
        middle = a + tens if plus else a - tens
        lines = [
            f"{a} {sign} {tens} = {middle}",
            f"{middle} {sign} {ones} = {middle + ones if plus else middle - ones}",
        ]
    else:
        lines = [f"{a} {sign} {b} = {a + b if plus else a - b}"]
    return thought(lines, a + b if plus else a - b)


def thought(lines: list[str], result: int) -> str:
    """An answer with thinking before it."""
    return "<think>\n" + "\n".join(lines) + f"\n</think>\n\nThe answer is {result}."
