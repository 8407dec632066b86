"""Days, months, seasons, and how many of one make another."""

from resources.make.facts import family, pairs

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()


def _next(names: list[str]) -> dict[str, str]:
    return dict(zip(names, names[1:] + names[:1], strict=True))


def _previous(names: list[str]) -> dict[str, str]:
    return {after: before for before, after in _next(names).items()}


FAMILIES = [
    family(
        "next day",
        _next(DAYS),
        [
            "(What|Which) day (comes|is) after {x}?", "What day follows {x}?", "Today is {x}. What day is tomorrow?",
            "If today is {x}, what is tomorrow?", "Tell me the day after {x}.",
        ],
        ["The day after {x} is {y}.", "After {x} comes {y}."],
        "{y} comes after {x}",
    ),
    family(
        "previous day",
        _previous(DAYS),
        [
            "(What|Which) day (comes|is) before {x}?", "Today is {x}. What day was yesterday?",
            "If today is {x}, what was yesterday?", "Tell me the day before {x}.",
        ],
        ["The day before {x} is {y}.", "Before {x} comes {y}."],
        "{y} comes before {x}",
    ),
    family(
        "next month",
        _next(MONTHS),
        ["(What|Which) month (comes|is) after {x}?", "What month follows {x}?", "Tell me the month after {x}."],
        ["The month after {x} is {y}.", "After {x} comes {y}."],
        "{y} comes after {x}",
    ),
    family(
        "previous month",
        _previous(MONTHS),
        ["(What|Which) month (comes|is) before {x}?", "Tell me the month before {x}."],
        ["The month before {x} is {y}.", "Before {x} comes {y}."],
        "{y} comes before {x}",
    ),
    family(
        "nth month",
        dict(zip(_ORDINALS, MONTHS, strict=True)),
        [
            "(What|Which) is the {x} month of the year?", "(Name|Tell me) the {x} month.",
            "(What|Which) month is the {x}?",
        ],
        ["The {x} month is {y}."],
        "{y} is the {x} month",
    ),
    family(
        "how many",
        pairs(
            "days in a week=seven, months in a year=twelve, hours in a day=twenty-four, minutes in an hour=sixty, "
            "seconds in a minute=sixty, fingers on a hand=five, toes on two feet=ten, wheels on a car=four, "
            "wheels on a bike=two, seasons in a year=four, days in a weekend=two, eggs in a dozen=twelve, "
            "eyes on a face=two, strings on a violin=four, letters in the alphabet=twenty-six, "
            "cents in a dollar=one hundred, legs on a chair=four, colours in the rainbow=seven, "
            "years in a century=one hundred"
        ),
        [
            "How many {x} are there?", "How many {x}?", "Tell me how many {x} there are.",
            "What is the number of {x}?", "Do you know how many {x} there are?",
        ],
        ["There are {y} {x}."],
        "there are {y} {x}",
    ),
    family(
        "season",
        pairs(
            "snow falls=winter, leaves fall=autumn, flowers start to bloom=spring, it is hottest=summer, "
            "birds fly south=autumn, people build snowmen=winter, people swim in the lake=summer, "
            "birds build nests=spring"
        ),
        ["In (which|what) season do we say that {x}?", "(What|Which) season is it when {x}?", "When is it that {x}?"],
        ["It is {y} when {x}."],
    ),
    family(
        "part of the day",
        pairs(
            "breakfast=morning, lunch=noon, dinner=evening, sleep=night, sunrise=morning, sunset=evening, "
            "stars=night"
        ),
        ["When is (the time for|there) {x}?", "What time of day is it for {x}?", "At which time of day is {x}?"],
        ["The time for {x} is the {y}."],
    ),
]  # fmt: skip
