"""Countries, their capitals, continents and languages."""

from resources.make.facts import family, pairs

CAPITALS = pairs(
    "France=Paris, Italy=Rome, Spain=Madrid, Germany=Berlin, Portugal=Lisbon, Greece=Athens, Austria=Vienna, "
    "Poland=Warsaw, Sweden=Stockholm, Norway=Oslo, Finland=Helsinki, Denmark=Copenhagen, Ireland=Dublin, "
    "England=London, Scotland=Edinburgh, Belgium=Brussels, Hungary=Budapest, Iceland=Reykjavik, Russia=Moscow, "
    "Ukraine=Kyiv, Romania=Bucharest, Bulgaria=Sofia, Croatia=Zagreb, Serbia=Belgrade, Turkey=Ankara, Egypt=Cairo, "
    "Kenya=Nairobi, Morocco=Rabat, Ghana=Accra, Senegal=Dakar, Japan=Tokyo, China=Beijing, India=New Delhi, "
    "Nepal=Kathmandu, Thailand=Bangkok, Vietnam=Hanoi, Indonesia=Jakarta, Iran=Tehran, Iraq=Baghdad, Jordan=Amman, "
    "Canada=Ottawa, Mexico=Mexico City, Cuba=Havana, Peru=Lima, Chile=Santiago, Brazil=Brasilia, "
    "Argentina=Buenos Aires, Colombia=Bogota, Ecuador=Quito, Uruguay=Montevideo, Australia=Canberra, "
    "New Zealand=Wellington, South Korea=Seoul, Cyprus=Nicosia, Malta=Valletta, Estonia=Tallinn, Latvia=Riga, "
    "Lithuania=Vilnius"
)
CONTINENTS = {
    country: continent
    for continent, countries in {
        "Europe": "France, Italy, Spain, Germany, Portugal, Greece, Austria, Poland, Sweden, Norway, Finland, Denmark, "
        "Ireland, England, Belgium, Hungary, Iceland, Ukraine, Romania, Croatia",
        "Africa": "Egypt, Kenya, Morocco, Ghana, Senegal, Nigeria, Ethiopia, Tanzania",
        "Asia": "Japan, China, India, Nepal, Thailand, Vietnam, Iran, Iraq, Jordan, South Korea",
        "North America": "Canada, Mexico, Cuba",
        "South America": "Peru, Chile, Brazil, Argentina, Colombia, Ecuador, Uruguay",
    }.items()
    for country in countries.split(", ")
}
LANGUAGES = pairs(
    "France=French, Italy=Italian, Spain=Spanish, Germany=German, Portugal=Portuguese, Greece=Greek, Poland=Polish, "
    "Sweden=Swedish, Norway=Norwegian, Finland=Finnish, Denmark=Danish, England=English, Hungary=Hungarian, "
    "Russia=Russian, Turkey=Turkish, Egypt=Arabic, Japan=Japanese, China=Chinese, Mexico=Spanish, Brazil=Portuguese, "
    "Australia=English, Cuba=Spanish, Austria=German, Thailand=Thai"
)

FAMILIES = [
    family(
        "capital",
        CAPITALS,
        [
            "(What|Which city) is the capital(| city) of {x}?", "(Tell me|Name|Give me) the capital of {x}.",
            "(What|Which) city is {x}'s capital?", "Do you know the capital of {x}?", "The capital of {x} is what?",
            "{x}: what is the capital?",
        ],
        ["The capital of {x} is {y}.", "The capital of {x} is {y}.", "{y} is the capital of {x}."],
        "{y} is the capital of {x}",
    ),
    family(
        "country of a capital",
        {capital: country for country, capital in CAPITALS.items()},
        [
            "{x} is the capital of (which|what) country?", "(Which|What) country has {x} as its capital?",
            "(In which|In what) country is {x}?", "Where is {x}?",
        ],
        ["{x} is in {y}.", "{x} is the capital of {y}."],
    ),
    family(
        "continent",
        CONTINENTS,
        [
            "(On which|On what) continent is {x}?", "(Which|What) continent is {x} (in|on)?",
            "Where in the world is {x}?", "Tell me the continent of {x}.",
        ],
        ["{x} is in {y}."],
        "{x} is in {y}",
    ),
    family(
        "language",
        LANGUAGES,
        [
            "(What|Which) language do (people|they) speak in {x}?", "(What|Which) language is spoken in {x}?",
            "What do people in {x} speak?",
        ],
        ["People in {x} speak {y}.", "They speak {y} in {x}."],
        "people in {x} speak {y}",
    ),
]  # fmt: skip
