"""The words that the tasks draw from."""

NAMES = (
    "Tom Mia Ben Anna Sam Lily Max Emma Leo Nora Jack Ella Finn Ruby Paul Zoe Adam Lucy Noah Sara Tim Ivy Alex Rosa Oscar "
    "Clara Hugo Maya Felix Jane Peter Eva David Nina Simon Laura Kate Omar Lena Carl Amy Luke Gina Ali Vera Hana"
).split()

NOUNS = (
    "ball hat book cup key box bag lamp pen chair kite boat coin bell drum map rope shoe stone stick basket blanket bottle "
    "brush button candle clock coat cookie flag flower fork jar ladder leaf letter mirror pillow plate ring scarf spoon "
    "table ticket toy train umbrella wheel window whistle"
).split()

PLURALS = (
    "apples pears books coins eggs shells stones balls pens cards stamps flowers cookies cups nuts sweets stickers marbles "
    "plums buttons toys tickets candles keys hats fish"
).split()

ADJECTIVES = (
    "big small red blue old new green yellow tiny pretty round heavy shiny warm soft clean broken funny strange golden"
).split()

COLOURS = "red blue green yellow black white brown pink purple orange grey".split()

WORDS = sorted(
    set(
        NOUNS
        + (
            "cat dog cow pig hen owl fox bee ant bat bear bird duck fish frog goat horse lion mouse sheep snake tiger wolf "
            "apple banana bread butter cake carrot cheese cherry egg grape honey lemon milk onion orange peach pear pizza "
            "plum potato rice salt soup sugar tea tomato water arm back ear eye face finger foot hair hand head heart knee "
            "leg mouth neck nose shoulder thumb toe tooth baby boy brother child doctor family farmer father friend girl "
            "king man mother people queen sister teacher uncle woman beach bridge castle city cloud farm field fire forest "
            "garden grass hill house island lake land moon mountain night ocean park path rain river road rock sand school "
            "sea shop sky snow star storm street sun tree valley village wind world winter summer spring autumn morning "
            "evening day week month year hour minute second black blue brown green grey pink purple red white yellow one two "
            "three four five six seven eight nine ten bad big clean cold dark deep dry early fast full good happy hard high "
            "hot kind large late light little long loud new nice old open poor quick quiet rich sad sharp short slow small "
            "soft strong sweet tall thick thin warm weak wet wide young ask begin bring build buy call carry catch come cook "
            "dance draw dream drink drive eat fall feel find fly give grow hear help hide hold jump keep know laugh learn "
            "listen live look make meet move need paint play pull push read ride run say see sell send sing sit sleep smile "
            "speak stand start stay stop swim take talk teach tell think throw travel turn visit wait walk want wash watch "
            "win wish work write answer bed bike bus car desk door dress engine floor game gift glass gold iron kitchen knife "
            "music name number paper party picture question radio roof room ship silver song sound story thing time tool "
            "truck wall wood word"
        ).split()
    )
)
