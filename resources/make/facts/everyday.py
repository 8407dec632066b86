"""Everyday things: their colours, materials, uses, kinds and shapes."""

from resources.make.facts import family, pairs

KINDS = {
    thing: kind
    for kind, things in {
        "fruit": "apple, banana, pear, cherry, grape, orange, lemon, plum, peach, melon, mango, strawberry",
        "vegetable": "carrot, potato, onion, cabbage, bean, pea, leek, spinach, cucumber, radish",
        "colour": "red, blue, green, yellow, black, white, brown, pink, purple, grey",
        "tool": "hammer, saw, drill, shovel, rake, axe, wrench",
        "vehicle": "car, bus, train, truck, bicycle, boat, plane, tram",
        "drink": "water, milk, tea, juice, coffee, lemonade, cocoa",
        "flower": "rose, tulip, daisy, lily, sunflower, violet",
        "instrument": "piano, guitar, drum, flute, violin, trumpet, harp",
        "piece of clothing": "shirt, coat, hat, sock, shoe, scarf, glove, dress, jacket",
        "tree": "oak, pine, birch, willow, maple, fir",
    }.items()
    for thing in things.split(", ")
}

FAMILIES = [
    family(
        "colour",
        pairs(
            "the sky=blue, grass=green, snow=white, coal=black, a lemon=yellow, a banana=yellow, a tomato=red, "
            "a carrot=orange, the sun=yellow, blood=red, milk=white, chocolate=brown, a frog=green, a crow=black, "
            "a strawberry=red, the sea=blue, a leaf=green, a polar bear=white, an orange=orange, a cherry=red, "
            "a plum=purple, a pumpkin=orange, a cucumber=green, a fire truck=red, an elephant=grey, a swan=white, "
            "a flamingo=pink, the night=black, a cloud=white, a pea=green, a violet=purple, salt=white"
        ),
        [
            "What colour (is|has) {x}?", "Which colour is {x}?", "Tell me the colour of {x}.",
            "What is the colour of {x}?", "What color is {x}?",
        ],
        ["{x} is {y}."],
        "{x} is {y}",
    ),
    family(
        "use",
        pairs(
            "a knife=cut, a pen=write, a book=read, a bed=sleep, a chair=sit, a spoon=eat, a cup=drink, "
            "a broom=sweep, a key=open a door, a phone=talk, a ball=play, a bike=ride, a lamp=see in the dark, "
            "soap=wash, a brush=paint, an oven=bake, a ruler=measure, a clock=tell the time, an umbrella=stay dry, "
            "a camera=take pictures, a pair of scissors=cut paper, a shovel=dig, a boat=cross the water, "
            "a needle=sew"
        ),
        [
            "What (do you|can you|can I) do with {x}?", "What is {x} for?", "What do (people|we) use {x} for?",
            "Why do people use {x}?",
        ],
        ["You use {x} to {y}.", "People use {x} to {y}."],
        "people use {x} to {y}",
    ),
    family(
        "material",
        pairs(
            "a table=wood, a window=glass, a coin=metal, a book=paper, a shirt=cotton, a shoe=leather, a nail=iron, "
            "a tyre=rubber, a candle=wax, a brick=clay, a sweater=wool, a ring=gold, a bottle=glass, bread=flour, "
            "cheese=milk, ice=water, a statue=stone, a bag=plastic, butter=milk, wine=grapes"
        ),
        ["What is {x} made (of|from)?", "(From what|Of what) is {x} made?", "Tell me what {x} is made of."],
        ["{x} is made of {y}."],
        "{x} is made of {y}",
    ),
    family(
        "kind of thing",
        KINDS,
        [
            "What is {a x}?", "What kind of thing is {a x}?", "What (sort|type) of thing is {a x}?",
            "Explain what {a x} is.",
        ],
        ["{a x} is {a y}."],
        "{a x} is {a y}",
    ),
    family(
        "sides",
        pairs(
            "triangle=three, square=four, pentagon=five, hexagon=six, octagon=eight, rectangle=four, heptagon=seven"
        ),
        [
            "How many (sides|corners) does {a x} have?", "How many (sides|corners) has {a x}?",
            "Tell me how many (sides|corners) {a x} has.",
        ],
        ["{a x} has {y} sides and {y} corners."],
    ),
    family(
        "sense",
        pairs(
            "see=eyes, hear=ears, smell=nose, taste=tongue, touch=hands, walk=legs, think=brain, bite=teeth, "
            "breathe=lungs, chew=teeth, hold things=hands, kick a ball=foot"
        ),
        ["What do (you|we|people) {x} with?", "Which part of the body do you use to {x}?", "With what do you {x}?"],
        ["You {x} with your {y}.", "People {x} with their {y}."],
    ),
    family(
        "job",
        pairs(
            "bakes bread=baker, teaches children=teacher, heals sick people=doctor, puts out fires=firefighter, "
            "grows food=farmer, catches fish=fisher, flies a plane=pilot, cooks meals=cook, builds houses=builder, "
            "paints pictures=painter, writes books=writer, cuts hair=barber, drives a bus=bus driver, "
            "takes care of teeth=dentist, brings letters=mail carrier, repairs cars=mechanic, sings songs=singer, "
            "takes care of animals=vet, sells flowers=florist, plays music=musician, makes clothes=tailor"
        ),
        ["Who {x}?", "(What|How) do you call someone who {x}?", "What is the job of a person who {x}?"],
        ["{a y} {x}.", "Someone who {x} is {a y}."],
        "{a y} {x}",
    ),
]  # fmt: skip
