"""Small variations that people make in the same question."""

from random import Random

_BEFORE = ("Please: ", "Hello! ", "Hi. ", "Quick question: ", "Hey, ", "A question: ", "Now tell me: ", "Next question: ", "And now: ",
           "Please help me. ")  # fmt: skip
_CONTRACTED = (
    ("What is", "What's"),
    ("Who is", "Who's"),
    ("Where is", "Where's"),
    ("I am", "I'm"),
    ("do not", "don't"),
)
_AFTER = (" Thanks!", " Please.", " Thank you.")


def vary(rng: Random, prompt: str) -> str:
    """The prompt as it is, or with a greeting, a thank you, a small first letter, contracted, or without its last mark."""
    if rng.random() < 0.6:
        return prompt
    if rng.random() < 0.25:
        for full, contracted in _CONTRACTED:
            prompt = prompt.replace(full, contracted)
    if rng.random() < 0.4:
        prompt = prompt[0].lower() + prompt[1:]
    if rng.random() < 0.35:
        prompt = prompt.rstrip(".?!") or prompt
    elif rng.random() < 0.2:
        prompt += rng.choice(_AFTER)
    if rng.random() < 0.35:
        prompt = rng.choice(_BEFORE) + prompt
    return prompt
