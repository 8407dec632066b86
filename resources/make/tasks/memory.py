"""Memory: something is said early in a conversation and asked for later. Held out are what is said and how."""

from random import Random

from resources.make.expand import expand
from resources.make.facts import article
from resources.make.items import Item, Turn
from resources.make.words import COLOURS, NAMES, NOUNS

SHARE = 3
_ANIMALS = ("dog", "cat", "horse", "bird", "fish", "rabbit", "hamster", "goat")
_FOODS = ("pizza", "soup", "rice", "bread", "cake", "pasta", "salad", "apples", "cheese", "honey")
# what is said, the reply, what is asked, the answer
_FORMS = (
    ("name", expand("(My name is|I am|Call me) {v}."), expand("(Nice to meet you|Hello), {v}!"),
     expand("(What is|Do you know|Tell me) my name?", "Who am I?"), "Your name is {v}.", NAMES),
    ("colour", expand("My favourite colour is {v}.", "I like {v} best."), expand("{V} is a (nice|beautiful) colour."),
     expand("(What|Which) is my favourite colour?", "Which colour do I like(| best)?"), "Your favourite colour is {v}.", COLOURS),
    ("pet", expand("I have {a v}.", "My pet is {a v}."), expand("{A v} is a (nice|good) pet."),
     expand("(What|Which) pet do I have?", "What is my pet?"), "You have {a v}.", _ANIMALS),
    ("food", expand("I (like|love) {v}.", "My favourite food is {v}."), expand("{V} (sounds|is) good."),
     expand("What food do I like?", "What is my favourite food?"), "You like {v}.", _FOODS),
    ("thing", expand("I (bought|found|lost) {a v} today.", "Today I got {a v}."), expand("(Oh, {a v}!|{A v}, I see.)"),
     expand("What did I talk about?", "What was it that I told you about?"), "You told me about {a v}.", NOUNS),
)  # fmt: skip


def draw(rng: Random) -> Item:
    """A conversation of two or three turns; in between there may be a turn about something else."""
    name, said, reply, asked, answer, values = rng.choice(_FORMS)
    v = rng.choice(values)
    statement, question = _put(rng.choice(said), v), rng.choice(asked)
    before: list[Turn] = [("user", statement), ("assistant", _put(rng.choice(reply), v))]
    if rng.random() < 0.4:
        remark, reaction = rng.choice((("Thank you.", "You are welcome."), ("How are you?", "I am fine, thank you.")))
        before += [("user", remark), ("assistant", reaction)]
    return Item(
        f"memory: {name}: {v}: {question}", question, (_put(answer, v),), v, "word", short=v, before=tuple(before)
    )


def _put(pattern: str, v: str) -> str:
    a = article(v) + v
    values = {"{v}": v, "{V}": v[0].upper() + v[1:], "{a v}": a, "{A v}": a.capitalize()}
    for slot, value in values.items():
        pattern = pattern.replace(slot, value)
    return pattern
