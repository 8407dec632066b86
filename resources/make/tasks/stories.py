"""Short stories, told from plots whose sentences vary. Held out are pairs of a hero and a thing, or prompts."""

from random import Random

from resources.make.expand import expand
from resources.make.facts import article
from resources.make.items import Item
from resources.make.words import NAMES

SHARE = 4
_ANIMALS = "fox rabbit bear mouse cat dog owl duck frog hen pony turtle squirrel lion penguin goat lamb bird bee elephant".split()
_THINGS = "ball kite boat lantern drum map blanket bell hat key book coin flower basket scarf whistle".split()
_TRAITS = "little brave curious shy kind clever lazy cheerful quiet young funny hungry".split()
_PLACES = ("in a small village", "near a deep forest", "by the sea", "on a green hill", "on an old farm", "next to a river",
           "in a little house", "at the edge of a town", "under a big tree", "in a sunny valley")  # fmt: skip
_FRIENDS = ("an old owl", "a friendly crow", "a wise turtle", "a little bee", "a kind farmer", "a tall girl", "a busy ant",
            "a big bear", "a white horse", "a young boy")  # fmt: skip
_PROMPTS = expand(
    "(Tell|Can you tell) me a (|short |little )story about {a} {animal} and a {thing}.",
    "(Write|Make up) a (|short |little )story about {a} {animal} and a {thing}.",
    "(Tell|Write) (me a|a) story about {a} {animal}.", "I want to hear a story about {a} {animal}.",
    "Tell me a (bedtime |nice |)story.",
)  # fmt: skip
_OPENINGS = expand(
    "Once upon a time there was a {trait} {animal} named {name}.",
    "Once there lived a {trait} {animal} called {name} {place}.", "{name} was a {trait} {animal} who lived {place}.",
    "There was once a {trait} {animal} {place}. The name of the {animal} was {name}.",
)  # fmt: skip
# Each plot: its beats in order, each beat with several wordings.
_PLOTS = (
    (expand("(One day|One morning) {name} lost a {thing}.", "One day the {thing} of {name} was gone."),
     expand("{name} looked (under the bed|behind the house|in the grass|everywhere), but it was not there."),
     expand("Then {name} met {friend}.", "{name} was sad and asked {friend} for help."),
     expand('"Let us look together," said the friend.', '"I saw it (near the well|under the bridge|on the path)," said the friend.'),
     expand("Soon they found the {thing}.", "And there it was: the {thing}!"),
     expand("{name} was so happy and said thank you.", "{name} jumped for joy.")),
    (expand("{name} wanted to have a {thing} more than anything.", "Every night {name} dreamed of a {thing}."),
     expand("But {name} had no money.", "But there was no {thing} in any shop."),
     expand(
         "So {name} worked (all week|all summer|every day) for {friend}.", "So {name} helped {friend} in the garden.",
     ),
     expand("At last the day came.", "The work was hard, but {name} did not stop."),
     expand("As a reward there was a (new|shiny|beautiful) {thing}.", "The friend smiled and gave {name} a {thing}."),
     expand("{name} never forgot that day.", "From then on {name} was never sad again.")),
    (expand(
        "One (cold|windy|dark) evening {name} went for a walk with a {thing}.",
        "One day {name} went out to play with a {thing}.",
    ),
     expand("Suddenly there was a storm.", "Suddenly it began to (rain|snow)."),
     expand("{name} could not find the way home.", "{name} was afraid and did not know where to go."),
     expand("Then {friend} came along.", "In the dark {name} saw a light. It was {friend}."),
     expand('"Come with me," said the friend. "It is warm at my house."', '"Follow me," said the friend. "I know the way."'),
     expand("They drank hot milk and became good friends.", "Soon {name} was safe and warm at home.")),
    (expand("{name} had a {thing} and did not want to share it.", "{name} never let anyone touch the {thing}."),
     expand("One day {friend} asked to play with it.", '"May I play too?" asked {friend}.'),
     expand('"No!" said {name}. "It is mine."', "{name} shook the head and ran away."),
     expand("But playing alone was (no fun|boring).", "Soon {name} felt (lonely|sad)."),
     expand('So {name} came back and said: "I am sorry. Let us play together."', "So {name} went back and gave the {thing} to the friend."),
     expand("They played until the sun went down.", "From that day on they shared everything.")),
    (expand(
        "One day {name} found a {thing} (in the forest|on the road|by the river).",
        "While walking {name} saw a {thing} on the ground.",
    ),
     expand('"Who lost this?" thought {name}.', "{name} looked at it for a long time."),
     expand(
         "{name} asked (everyone in the village|all the animals), but nobody knew.", "{name} went from door to door.",
     ),
     expand("At the last house lived {friend}.", "Then {friend} came, crying."),
     expand('"That is mine! Thank you!" said the friend.', '"I have looked for it everywhere!" said the friend.'),
     expand("{name} got a big (cake|hug|smile) and went home happy.", "And so {name} found a new friend.")),
    (expand(
        "{name} wanted to learn to (fly|swim|sing|dance|paint).",
        "All the others could (swim|sing|dance|climb), but {name} could not.",
    ),
     expand("{name} tried (once|all day) and failed.", "The first try went wrong, and everyone laughed."),
     expand('"Try again," said {friend}.', "Only {friend} did not laugh."),
     expand(
         "They practised every (day|morning|evening), and a {thing} helped them.",
         "With a {thing} it was a little easier.",
     ),
     expand("After a (week|month|long time) it worked!", "And one day {name} could do it!"),
     expand("Everyone clapped, and {name} was proud.", "{name} smiled all day long.")),
)  # fmt: skip
_ENDS = expand("", "", "The end.", "And they lived happily ever after.", "It was a good day.")


def draw(rng: Random) -> Item:
    """A request and one story for it."""
    hero, thing, prompt = rng.choice(_ANIMALS), rng.choice(_THINGS), rng.choice(_PROMPTS)
    asked = tuple(word for word, slot in ((hero, "{animal}"), (thing, "{thing}")) if slot in prompt)
    prompt = prompt.format(a=article(hero).strip(), animal=hero, thing=thing)
    return Item(
        key=f"stories: {hero} {thing}" if thing in asked else f"stories: {prompt}",
        prompt=prompt,
        answers=(tell(rng, hero, thing),),
        expect=asked,
        rule="story",
    )


def tell(rng: Random, hero: str, thing: str) -> str:
    """A story of six to eight sentences about an animal and a thing."""
    beats = [rng.choice(_OPENINGS), *(rng.choice(beat) for beat in rng.choice(_PLOTS)), rng.choice(_ENDS)]
    told = " ".join(beat for beat in beats if beat)
    values = {
        "animal": hero, "thing": thing, "name": rng.choice(NAMES), "trait": rng.choice(_TRAITS),
        "place": rng.choice(_PLACES), "friend": rng.choice(_FRIENDS),
    }  # fmt: skip
    for slot, value in values.items():
        told = told.replace("{" + slot + "}", value)
    return told
