"""Words: opposites, plurals, past forms, and numbers as words."""

from resources.make.facts import family, pairs

_OPPOSITES = pairs(
    "hot=cold, big=small, up=down, day=night, fast=slow, old=young, happy=sad, light=dark, open=closed, high=low, "
    "left=right, wet=dry, hard=soft, loud=quiet, full=empty, good=bad, early=late, rich=poor, long=short, "
    "thick=thin, strong=weak, near=far, clean=dirty, heavy=light, true=false, yes=no, black=white, "
    "first=last, in=out, on=off, push=pull, win=lose, start=stop, love=hate, sweet=sour, deep=shallow, "
    "wide=narrow, brave=afraid, cheap=expensive, awake=asleep, always=never, inside=outside, buy=sell, "
    "give=take, laugh=cry, summer=winter, north=south, east=west, before=after, above=below, alive=dead, "
    "sharp=blunt, smooth=rough, tall=short, friend=enemy, question=answer, remember=forget, many=few"
)
OPPOSITES = {y: x for x, y in _OPPOSITES.items()} | _OPPOSITES
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
).split()

FAMILIES = [
    family(
        "opposite",
        OPPOSITES,
        [
            "What is the opposite of {x}?", "(Tell me|Name|Give me) the opposite of {x}.",
            "What is {x} the opposite of?", "Which word means the opposite of {x}?", "{x} is the opposite of what?",
        ],
        ["The opposite of {x} is {y}.", "The opposite of {x} is {y}.", "{y} is the opposite of {x}."],
        "{y} is the opposite of {x}",
    ),
    family(
        "plural",
        pairs(
            "mouse=mice, foot=feet, tooth=teeth, child=children, man=men, woman=women, goose=geese, leaf=leaves, "
            "knife=knives, wolf=wolves, sheep=sheep, box=boxes, bus=buses, dog=dogs, cat=cats, house=houses, "
            "tree=trees, baby=babies, city=cities, story=stories, berry=berries, fox=foxes, glass=glasses, boy=boys, "
            "key=keys, book=books, apple=apples, cherry=cherries, potato=potatoes, tomato=tomatoes, person=people, "
            "fish=fish, hero=heroes, wish=wishes, half=halves, life=lives"
        ),
        [
            "What is the plural of {x}?", "(Tell me|Give me) the plural of {x}.", "How do you say more than one {x}?",
            "One {x}, two what?",
        ],
        ["The plural of {x} is {y}.", "One {x}, two {y}."],
        "the plural of {x} is {y}",
    ),
    family(
        "past",
        pairs(
            "go=went, see=saw, eat=ate, run=ran, sing=sang, write=wrote, buy=bought, come=came, take=took, "
            "give=gave, find=found, think=thought, swim=swam, fly=flew, drink=drank, know=knew, speak=spoke, "
            "make=made, say=said, sleep=slept, play=played, walk=walked, jump=jumped, talk=talked, cook=cooked, "
            "look=looked, read=read, teach=taught, win=won, lose=lost, begin=began, break=broke, sit=sat, "
            "stand=stood, fall=fell, grow=grew"
        ),
        [
            "What is the past (tense|form) of {x}?", "(Tell me|Give me) the past (tense|form) of {x}.",
            "Today I {x}, yesterday I what?",
        ],
        ["The past of {x} is {y}.", "Today I {x}, yesterday I {y}."],
        "the past of {x} is {y}",
    ),
    family(
        "number word",
        {str(i): word for i, word in enumerate(NUMBERS)},
        [
            "How do you (write|spell) {x} (in words|as a word)?", "Write {x} as a word.",
            "Write the number {x} in words.", "What is {x} in words?",
        ],
        ["{x} is {y}.", "{x} in words is {y}."],
    ),
    family(
        "word as a number",
        {word: str(i) for i, word in enumerate(NUMBERS)},
        ["(What|Which) number is {x}?", "Write {x} (as a number|in digits).", "What is {x} in digits?"],
        ["{x} is {y}.", "{x} in digits is {y}."],
    ),
]  # fmt: skip
