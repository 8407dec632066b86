"""Sums of three to six numbers. Held out are the sums. The corpus answers most of them at once and some in steps.

A small model is often wrong at once and nearly always right in steps, and left alone it picks the
way it has seen more often: this leaves reinforcement learning something to find out.
"""

from random import Random

from resources.make.expand import expand
from resources.make.items import Item
from resources.make.tasks.sums import thought

SHARE = 14
COUNTS = (3, 4, 4, 5, 5, 6)  # how many numbers
THINKING = 0.3  # share of answers in steps where the prompt does not say which way
PROMPTS = expand("What is {sum}?", "{sum} = ?", "(Calculate|Work out|Solve) {sum}.", "How much is {sum}?", "{sum}")
_IN_STEPS = expand(" (Think step by step.|Show your steps.|Think first.)")
_AT_ONCE = expand(" (Answer at once.|Give only the result.|Do not think.)")


def draw(rng: Random) -> Item:
    """A long sum, answered at once or in steps."""
    text, lines, result = work(*sum_of(rng, rng.choice(COUNTS)))
    prompt = rng.choice(PROMPTS).format(sum=text)
    at_once, in_steps = f"The answer is {result}.", thought(lines, result)
    asked = rng.random()
    if asked < 0.12:
        prompt, answer = prompt + rng.choice(_IN_STEPS), in_steps
    elif asked < 0.2:
        prompt, answer = prompt + rng.choice(_AT_ONCE), at_once
    else:
        answer = in_steps if rng.random() < THINKING else at_once
    return Item(f"long sums: {text}", prompt, (answer,), str(result), "number")


def unhinted(rng: Random, count: int) -> Item:
    """A sum of so many numbers that does not say which way to answer."""
    text, lines, result = work(*sum_of(rng, count))
    prompt = rng.choice(PROMPTS).format(sum=text)
    return Item(f"long sums: {text}", prompt, (thought(lines, result),), str(result), "number")


def sum_of(rng: Random, count: int) -> tuple[list[int], list[str]]:
    """Numbers 1 to 50 and the signs between them; no partial result is below 0 or above 150."""
    total = rng.randint(1, 50)
    terms, signs = [total], []
    while len(terms) < count:
        sign, term = rng.choice("+-"), rng.randint(1, 50)
        after = total + term if sign == "+" else total - term
        if 0 <= after <= 150:
            total = after
            terms.append(term)
            signs.append(sign)
    return terms, signs


def work(terms: list[int], signs: list[str]) -> tuple[str, list[str], int]:
    """(the sum as text, its steps from left to right, the result)."""
    text, total, lines = str(terms[0]), terms[0], []
    for sign, term in zip(signs, terms[1:], strict=True):
        after = total + term if sign == "+" else total - term
        lines.append(f"{total} {sign} {term} = {after}")
        text, total = f"{text} {sign} {term}", after
    return text, lines, total
