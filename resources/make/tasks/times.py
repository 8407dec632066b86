"""The times table up to ten. Held out are pairs of a product and a phrasing."""

from random import Random

from resources.make.expand import expand
from resources.make.items import Item

SHARE = 2
_PROMPTS = expand(
    "What is {a} (times|x|multiplied by|*) {b}?", "(Calculate|Multiply) {a} (times|x|*) {b}.",
    "{a} (x|*|times) {b} = ?", "How much is {a} (times|x|*) {b}?", "{a} (x|*) {b}",
)  # fmt: skip


def draw(rng: Random) -> Item:
    """One product."""
    a, b = rng.randint(0, 10), rng.randint(0, 10)
    prompt = rng.choice(_PROMPTS).format(a=a, b=b)
    answers = (f"{a} x {b} = {a * b}", str(a * b), f"The answer is {a * b}.")
    return Item(f"times: {prompt}", prompt, answers, str(a * b), "number", short=str(a * b))
