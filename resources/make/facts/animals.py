"""Animals: what they say, how many legs they have, their young, homes, food and kind."""

from resources.make.facts import family, pairs

LEGS = pairs(
    "dog=four, cat=four, horse=four, cow=four, pig=four, sheep=four, goat=four, lion=four, tiger=four, mouse=four, "
    "bear=four, frog=four, fox=four, rabbit=four, elephant=four, bird=two, duck=two, hen=two, owl=two, goose=two, "
    "penguin=two, eagle=two, parrot=two, spider=eight, bee=six, ant=six, fly=six, beetle=six, butterfly=six, snake=no, "
    "fish=no, worm=no, snail=no, whale=no, shark=no"
)
KINDS = {
    animal: kind
    for kind, animals in {
        "mammal": "dog, cat, horse, cow, pig, sheep, goat, lion, tiger, mouse, bear, fox, rabbit, elephant, whale, "
        "monkey, wolf, deer, bat, camel",
        "bird": "duck, hen, owl, goose, penguin, eagle, parrot, swan, crow, robin",
        "insect": "bee, ant, fly, beetle, butterfly, mosquito",
        "reptile": "snake, lizard, turtle, crocodile",
        "fish": "shark, salmon, tuna, trout",
    }.items()
    for animal in animals.split(", ")
}

FAMILIES = [
    family(
        "sound",
        pairs(
            "dog=woof, cat=meow, cow=moo, sheep=baa, duck=quack, pig=oink, horse=neigh, hen=cluck, owl=hoot, "
            "bee=buzz, lion=roar, mouse=squeak, snake=hiss, frog=croak, crow=caw, bird=tweet, goose=honk, wolf=howl"
        ),
        [
            "What (sound|noise) does {a x} make?", "What does (a|the) {x} say?", "How does {a x} sound?",
            "Tell me the sound of {a x}.",
        ],
        ["{a x} says {y}.", "The {x} says {y}."],
        "{a x} says {y}",
    ),
    family(
        "legs",
        LEGS,
        [
            "How many legs does {a x} have?", "How many legs has {a x}?", "Tell me how many legs {a x} has.",
            "What number of legs does {a x} have?",
        ],
        ["{a x} has {y} legs."],
        "{a x} has {y} legs",
    ),
    family(
        "young",
        pairs(
            "dog=puppy, cat=kitten, cow=calf, horse=foal, sheep=lamb, pig=piglet, goat=kid, hen=chick, "
            "duck=duckling, bear=cub, lion=cub, frog=tadpole, swan=cygnet, deer=fawn, goose=gosling, kangaroo=joey, "
            "owl=owlet"
        ),
        [
            "What (do you call|is) a (baby|young) {x}?", "What is (a baby|a young) {x} called?",
            "What is the name (of|for) a baby {x}?",
        ],
        ["A baby {x} is called {a y}.", "A young {x} is {a y}."],
        "a baby {x} is called {a y}",
    ),
    family(
        "animal home",
        pairs(
            "bird=nest, bee=hive, dog=kennel, horse=stable, spider=web, rabbit=burrow, bear=den, ant=hill, "
            "fish=water, cow=barn, pig=sty, lion=den, hen=coop, owl=tree, fox=den, mole=tunnel"
        ),
        ["Where does {a x} (live|sleep)?", "What is the home of {a x}?", "In what does {a x} live?"],
        ["{a x} lives in {a y}.", "The {x} lives in {a y}."],
    ),
    family(
        "animal food",
        pairs(
            "cow=grass, cat=fish, dog=meat, rabbit=carrots, horse=hay, monkey=bananas, mouse=cheese, lion=meat, "
            "panda=bamboo, squirrel=nuts, bee=nectar, owl=mice, frog=flies, hen=corn, shark=fish, koala=leaves, "
            "sheep=grass, goat=grass, bear=honey, penguin=fish"
        ),
        ["What does {a x} (eat|like to eat)?", "What do you feed {a x}?", "What is the food of {a x}?"],
        ["{a x} eats {y}.", "The {x} likes to eat {y}."],
        "{a x} eats {y}",
    ),
    family(
        "animal kind",
        KINDS,
        [
            "What kind of animal is {a x}?", "What is {a x}?", "What (type|sort) of animal is {a x}?",
            "Which group does {a x} belong to?",
        ],
        ["{a x} is {a y}."],
        "{a x} is {a y}",
    ),
]  # fmt: skip
