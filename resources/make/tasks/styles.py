"""Answers in a style that is asked for. Held out are pairs of a request for a style and a question."""

from random import Random

from resources.make import styles
from resources.make.items import Item, Turn, held_out
from resources.make.tasks import comparing, facts, reading, sums, true_or_false

SHARE = 9
SOURCES = (facts, facts, facts, facts, sums, comparing, reading, true_or_false)


def draw(rng: Random) -> Item:
    """A known question with a request for a style after it, before it, or in a system message."""
    item = question(rng)
    name = rng.choice(list(styles.STYLES))
    ask = rng.choice(styles.STYLES[name].asks)
    answers = tuple(a for sentence in item.answers for a in styles.STYLES[name].put(sentence, item.short))
    place = rng.random()
    before: tuple[Turn, ...] = ()
    prompt = f"{item.prompt} {ask}"
    if place < 0.2:
        prompt = f"{ask} {item.prompt}"
    elif place < 0.4:
        before, prompt = (("system", ask),), item.prompt
    return Item(f"styles: {name}: {item.prompt}", prompt, answers, answers, "one_of", before=before)


def question(rng: Random) -> Item:
    """A question from the other kinds, on the training side, answered in one sentence and no thinking."""
    while True:
        item = rng.choice(SOURCES).draw(rng)
        if item.short and not held_out(item.key) and not any("<think>" in a for a in item.answers):
            return item
