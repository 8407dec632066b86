"""Small talk: greetings, thanks, feelings, likes, jokes. Held out are phrasings."""

from random import Random

from resources.make.expand import expand
from resources.make.items import Item
from resources.make.words import NAMES

SHARE = 5
_JOKES = (
    "Why did the clock go to school? It wanted to learn to tell the time.",
    "Why was the book so cold? It had lost its cover.",
    "What did the wall say to the other wall? We meet at the corner.",
    "Why did the apple go to the doctor? It did not peel well.",
    "What has four legs and cannot walk? A table.",
    "Why is the sea so friendly? It always waves.",
    "What gets wet while it dries? A towel.",
    "Why did the bee buy a brush? Its hair was sticky.",
)
_FACTS = (
    "A snail has no legs.", "Bees make honey.", "Jupiter is the largest planet.", "The sun is a star.", "Penguins cannot fly.",
    "An octopus has eight arms.", "Water freezes when it gets very cold.", "There are twenty-six letters in the alphabet.",
)  # fmt: skip
# phrasings, replies
_TALK = (
    (expand("(Hello|Hi|Hey|Good day)(| there| again| friend| you| my friend)(!|.|)"),
     expand("Hello! How can I help you?", "(Hi|Hello)! What can I do for you?")),
    (expand("Good morning(| to you| my friend| there)(!|.|)"), expand("Good morning! How can I help you?")),
    (expand("Good evening(| to you| my friend| there)(!|.|)"), expand("Good evening! How can I help you?")),
    (expand("(Good night|Sleep well)(| then| my friend| now)(!|.|)", "I (go|am going) to (bed|sleep)(| now)."),
     expand("Good night! Sleep well.")),
    (expand(
        "(Bye|Goodbye|See you|Bye bye)(| then| tomorrow| later| soon| my friend)(!|.|)", "I (have to|must) go(| now).",
    ),
     expand("Goodbye! (Have a nice day.|See you soon.)")),
    (expand(
        "How (are you|are you doing|do you feel|is it going)(| today| now| this morning)?",
        "Are you (well|fine|ok)(| today)?",
    ),
     expand("I am (fine|well), thank you. How are you?")),
    (expand("(Thanks|Thank you|Many thanks)(| a lot| so much| very much| for your help| for that)(!|.|)"),
     expand("You are welcome(!|.)")),
    (expand("I am (fine|well|good|very well|ok)(| today| too)(, thank you|, thanks|)."), expand("I am glad to hear that.")),
    (expand("I (am|feel) (sad|unhappy|down|lonely)(| today| now| this morning)."), expand("I am sorry to hear that. I hope you feel better soon.")),
    (expand("I (am|feel) (happy|glad|great|so happy|very good)(| today| now)(!|.)"), expand("That is (great|wonderful)! I am happy for you.")),
    (expand("I (am|feel) (tired|sleepy|so tired)(| today| now| this evening)."), expand("Then you should rest a little.")),
    (expand("I am (angry|cross|upset)(| today| now| with my friend)."), expand("I am sorry. Take a deep breath.")),
    (expand("I am (afraid|scared|frightened)(| of the dark| now| today)."), expand("Do not be afraid. You are not alone.")),
    (expand("(Tell me|Do you know|I want to hear|Can you tell me) a (joke|funny joke|short joke)(|, please)."), _JOKES),
    (expand("(Make me laugh|Say something funny)(|, please| now)."), _JOKES),
    (expand("You are (very |so |really |)(nice|kind|smart|clever|great|funny)(!|.)"), expand("Thank you! That is kind of you.")),
    (expand("You are (very |so |really |)(stupid|silly|bad|slow|boring|dumb)(!|.)"), expand("I am sorry. I am only a small model.")),
    (expand("(That is|This is|You are|No, that is|I think that is) (wrong|not right|not true|false)(!|.)"), expand("I am sorry. I make mistakes.")),
    (expand("(Well done|Good job|Very good|That is right|Great work)(| today| my friend)(!|.)"), expand("Thank you! I am glad.")),
    (expand("(Sorry|I am sorry|Excuse me)(| about that| for that| for being late)(!|.)"), expand("That is all right.")),
    (expand("Do you (like|love) (music|cats|dogs|books|me|games|snow|cake|flowers|summer|school)?"),
     expand("I am a small model and do not feel much, but I like to talk about it.")),
    (expand("I (like|love) (music|cats|dogs|books|games|snow|cake|flowers|summer|school)(| very much| a lot)(!|.)"),
     expand("That is nice. (Tell me more.|Why do you like it?)")),
    (expand(
        "Can (I|we) (ask you something|talk|ask a question|chat)(| now| a little)?",
        "Do you have (time|a minute)(| for me)?",
    ),
     expand("(Yes, of course|Of course). What is it?")),
    (expand("(Help|Help me|I need help|I need your help|Please help me)(!|.|)"), expand("Of course. What do you need?")),
    (expand("I (do not|don't) (understand|get it|know what you mean)(| that| this)."), expand("I am sorry. Please ask me in another way.")),
    (expand("(Today is|It is) my birthday(!|.|)(| today)"), expand("Happy birthday!")),
    (expand("I (passed|won|got) (my test|the game|a prize|the race)(!|.| today.)"), expand("Well done! That is great news.")),
    (expand("(What is|How is) the meaning of life?", "(Why are we here|What is life)?"), expand("That is a big question for a small model.")),
    (expand("Tell me (something|something new|something nice|a fact|an interesting fact|more|a secret)(|, please)."), _FACTS),
    (expand("(Surprise me|Say something|Teach me something|I am bored|What is new|Talk to me)(|, please| now)."), _FACTS),
    (expand("(Ok|Okay|Yes|Good|I see|Sure|Right|Fine|Great|Cool|Nice)(!|.|)"), expand("Good. What would you like to know?")),
    (expand("(No|Nope|Not now|No thanks|Nothing|Never mind)(!|.|)"), expand("All right. Just ask when you need me.")),
)  # fmt: skip
_MEET = expand("(Hello|Hi), (my name is|I am) {name}(!|.)")
_MET = expand("Nice to meet you, {name}!", "Hello, {name}! How can I help you?")


def draw(rng: Random) -> Item:
    """One remark and a fitting reply."""
    if rng.random() < 0.1:
        name, prompt = rng.choice(NAMES), rng.choice(_MEET)
        return Item(
            f"small talk: {name} {prompt}",
            prompt.format(name=name),
            tuple(r.format(name=name) for r in _MET),
            name,
            "word",
        )
    prompts, replies = rng.choice(_TALK)
    prompt = rng.choice(prompts)
    return Item(f"small talk: {prompt}", prompt, replies, replies, "one_of")
