"""Nature, people and books: single facts that have a phrasing of their own."""

from resources.make.facts import family, pairs

FAMILIES = [
    family(
        "superlative",
        pairs(
            "largest planet=Jupiter, largest ocean=the Pacific, largest animal=the blue whale, "
            "tallest animal=the giraffe, fastest land animal=the cheetah, highest mountain=Mount Everest, "
            "coldest continent=Antarctica, smallest planet=Mercury, hottest planet=Venus, largest desert=the Sahara, "
            "nearest star=the sun, largest bird=the ostrich, hardest stone=the diamond, largest country=Russia"
        ),
        [
            "(What|Which) is the {x}?", "(Tell me|Name) the {x}.", "Do you know the {x}?",
            "What is the {x} (called|of all)?",
        ],
        ["The {x} is {y}.", "{y} is the {x}."],
        "{y} is the {x}",
    ),
    family(
        "happens to",
        pairs(
            "ice when it gets warm=it melts, water when it gets very cold=it freezes, "
            "water when it boils=it becomes steam, a stone in water=it sinks, wood in water=it floats, "
            "paper in fire=it burns, a glass when it falls=it breaks, plants without water=they die, "
            "leaves in autumn=they fall, a balloon when you prick it=it bursts, milk when it gets old=it turns sour, "
            "iron in the rain=it rusts, bread in the oven=it gets brown"
        ),
        ["What happens to {x}?", "Tell me what happens to {x}.", "Do you know what happens to {x}?"],
        ["{y}.", "What happens to {x}: {y}."],
    ),
    family(
        "where found",
        pairs(
            "fish=in the water, stars=in the sky, books=in a library, bread=at the baker, cars=on the road, "
            "trees=in the forest, sand=on the beach, milk=in the fridge, snow=on the mountain, boats=on the sea, "
            "pupils=at school, clouds=in the sky, cows=on the farm, letters=in the mailbox, flowers=in the garden, "
            "trains=at the station, planes=at the airport, lions=in the zoo, money=at the bank, pictures=in a museum"
        ),
        ["Where (do|can) you find {x}?", "Where (are|do we see) {x}?", "Tell me where to find {x}."],
        ["You find {x} {y}."],
        "you find {x} {y}",
    ),
    family(
        "comes from",
        pairs(
            "honey=bees, milk=cows, eggs=hens, wool=sheep, silk=silkworms, apples=trees, flour=wheat, light=the sun, "
            "rain=clouds, paper=trees, heat=fire, pearls=oysters, wood=trees, feathers=birds, bacon=pigs"
        ),
        [
            "Where does {x} come from?", "Where do we get {x} from?", "(What|Who) gives us {x}?",
            "What is the source of {x}?",
        ],
        ["We get {x} from {y}."],
        "we get {x} from {y}",
    ),
    family(
        "planet place",
        pairs(
            "first=Mercury, second=Venus, third=Earth, fourth=Mars, fifth=Jupiter, sixth=Saturn, seventh=Uranus, "
            "eighth=Neptune"
        ),
        ["(What|Which) is the {x} planet?", "(What|Which) planet is the {x} from the sun?", "Name the {x} planet."],
        ["The {x} planet is {y}."],
        "{y} is the {x} planet",
    ),
    family(
        "mix of colours",
        pairs(
            "red and yellow=orange, blue and yellow=green, red and blue=purple, black and white=grey, "
            "red and white=pink, yellow and red=orange, yellow and blue=green, blue and red=purple, "
            "white and black=grey, white and red=pink"
        ),
        ["What (do you get|happens) when you mix {x}?", "What colour do {x} make?", "Mix {x}. What colour is it?"],
        ["{x} make {y}.", "When you mix {x}, you get {y}."],
    ),
    family(
        "what to do",
        pairs(
            "I am hungry=eat something, I am thirsty=drink some water, I am tired=go to sleep, "
            "I am cold=put on a coat, it rains=take an umbrella, I am ill=see a doctor, "
            "the light is red=stop and wait, it is dark=turn on a lamp, my hands are dirty=wash your hands, "
            "I am lost=ask for the way, the light is green=go, I am bored=read a book, "
            "there is a fire=call the fire brigade, my tooth hurts=see a dentist, I am hot=drink something cold"
        ),
        [
            "What should I do (when|if) {x}?", "{x}. What should I do?", "{x}. What can I do?",
            "What can I do when {x}?",
        ],
        ["You should {y}.", "When {x}, {y}."],
    ),
]  # fmt: skip
