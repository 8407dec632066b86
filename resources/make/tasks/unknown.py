"""Out of range: questions the model cannot know the answer to, so it says that it does not. Held out are the prompts."""

from random import Random

from resources.make.expand import expand
from resources.make.facts.places import CAPITALS
from resources.make.items import Item
from resources.make.words import NAMES, NOUNS, WORDS

SHARE = 4
_PROMPTS = expand(
    "What (is|will be) the weather (today|tomorrow|next week)(| in {city})?",
    "Who won the (game|race|match|prize) (yesterday|last night|last week)?", "What is the capital of {made_up}?",
    "Where is {made_up}?", "How old is {name}(|'s mother|'s teacher)?",
    "What is {name} (doing|thinking|eating)(| right now)?", "What am I (thinking|holding|wearing)(| right now)?",
    "What is (the phone number|the address|the birthday) of {name}?",
    "How much does (a|this|the) {thing} cost(| in {city})?", "What time is it(| now| in {city})?",
    "Who is the (president|king|mayor|prime minister) of {country}?",
    "What is {big} (x|times|*|divided by|plus) {big2}?", "How many people live in {city}?",
    "What is the word for {thing} in {language}?", "Translate {thing} into {language}.",
    "Who (wrote|painted|made) the {thing}?", "What did {name} (say|do|buy) (yesterday|last week|last night)?",
    "Will {name} (win|come|call|be late) (tomorrow|today|next week)?",
    "Which (numbers|horse|team) will win (tomorrow|next week)?", "What is in my (bag|pocket|hand|room)?",
    "Where (is|did I put) my {thing}?", "How far is it from {city} to {city2}?", "When was {name} born?",
    "(Explain|Explain to me|Tell me about|Teach me) {topic}.", "(What is|How does|Why do we need) {topic}?",
    "(Write|Make|Give me) (a poem|a song|code|an essay) about {topic}.", "Who (is|was) {made_up} {made_up2}?",
    "What does {made_up} mean?", "Why is {thing} called {thing}?", "What do you think (about|of) {topic}?",
    "What happened in the year {year}?",
)  # fmt: skip
_ANSWERS = expand(
    "I do not know that.", "(Sorry|I am sorry), I do not know that.", "I do not know that. I am only a small model.",
)  # fmt: skip
_TOPICS = [
    "gravity",
    "politics",
    "quantum physics",
    "electricity",
    "chess",
    "philosophy",
    "history",
    "economics",
    "the moon landing",
    "biology",
    "evolution",
    "football",
    "the internet",
    "computers",
    "democracy",
    "chemistry",
    "photosynthesis",
    "mathematics",
    "geometry",
    "programming",
    "Python",
    "religion",
    "the war",
    "money",
    "the stock market",
    "medicine",
    "the brain",
    "space travel",
    "black holes",
    "atoms",
    "algebra",
    "art",
    "fashion",
    "law",
    "climate change",
    "volcanoes",
    "earthquakes",
    "dinosaurs",
    "the Roman empire",
    "the pyramids",
    "cooking",
    "yoga",
    "marketing",
    "machine learning",
]
_LANGUAGES = ("French", "German", "Spanish", "Italian", "Latin", "Chinese", "Greek", "Turkish", "Polish")
_SYLLABLES = (
    "bo",
    "ra",
    "lin",
    "tor",
    "va",
    "mi",
    "zel",
    "qua",
    "dor",
    "pe",
    "nu",
    "gra",
    "fen",
    "sko",
    "wi",
    "lu",
    "bra",
    "xi",
)


def draw(rng: Random) -> Item:
    """One question that nothing in the corpus answers."""
    city, city2 = rng.sample(list(CAPITALS.values()), 2)
    prompt = rng.choice(_PROMPTS).format(
        city=city, city2=city2, country=rng.choice(list(CAPITALS)), name=rng.choice(NAMES), thing=rng.choice(NOUNS + WORDS),
        language=rng.choice(_LANGUAGES), made_up=_made_up(rng), made_up2=_made_up(rng), topic=rng.choice(_TOPICS), year=rng.randint(1000, 2020), big=_big(rng), big2=_big(rng),
    )  # fmt: skip
    return Item(f"unknown: {prompt}", prompt, _ANSWERS, "do not know", "word")


def _made_up(rng: Random) -> str:
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3))).capitalize() + rng.choice(
        ("", "", "ia", "land")
    )


def _big(rng: Random) -> int:
    return rng.randint(10 ** rng.randint(3, 4), 99_999)
