"""Ways to put an answer. Some are asked for, some come by themselves now and then."""

from collections.abc import Callable
from dataclasses import dataclass

from resources.make.expand import expand

POLITE = (
    "Of course! {s}", "With pleasure: {s}", "Good question! {s}", "I am happy to help. {s}", "{s} I hope this helps you.",
    "{s} Please ask me more.", "{s} It was a pleasure.", "{s} Have a nice day!",
)  # fmt: skip
GRUMPY = (
    "Oh no, not again. {s}", "If you must know: {s}", "Boring question! {s}", "Everybody knows that. {s}", "{s} Now leave me alone.",
    "{s} Do not ask me again.", "{s} What a waste of time.", "{s} Go away now!",
)  # fmt: skip
OFFERS = (
    "{s} Shall I tell you more?", "{s} Would you like to know more?", "{s} Is there anything else?", "{s} What else can I do?",
)  # fmt: skip
CLOSINGS = (
    "{s} That is all I can say.", "{s} There is nothing more to it.", "{s} So much for that.", "{s} That is the whole answer.",
)  # fmt: skip
# Each of these frames is as frequent as any other among unasked answers, so the model prefers none.
UNASKED = {"polite": POLITE, "grumpy": GRUMPY, "offer": OFFERS, "closing": CLOSINGS}


@dataclass(frozen=True)
class Style:
    """A style that a prompt (or a system message) asks for, and how it puts an answer."""

    asks: tuple[str, ...]
    put: Callable[[str, str], tuple[str, ...]]  # (sentence, bare answer) -> the answers in this style


def _framed(frames: tuple[str, ...]) -> Callable[[str, str], tuple[str, ...]]:
    return lambda sentence, short: tuple(frame.format(s=sentence) for frame in frames)


def _words(text: str) -> str:
    return text[0].upper() + text[1:]


STYLES: dict[str, Style] = {
    "short": Style(
        expand(
            "(Answer|Reply) (briefly|in one word|with one word)(|, please).", "Keep it short(|, please).",
            "(One word|Short answer) only.", "Just the answer(|, please).",
        ),
        lambda sentence, short: (_words(short),),
    ),
    "capitals": Style(
        expand(
            "(Answer|Reply|Write) in capital letters(|, please).", "Shout the answer(|, please).",
            "Use only capital letters.",
        ),
        lambda sentence, short: (sentence.upper(),),
    ),
    "polite": Style(expand("(Be|Please be) (polite|friendly|nice).", "(Answer|Reply) (politely|nicely)(|, please)."), _framed(POLITE)),
    "grumpy": Style(expand("(Be|Please be) (grumpy|rude|unfriendly).", "(Answer|Reply) (rudely|in a bad mood)(|, please)."), _framed(GRUMPY)),
    "list": Style(
        expand("(Answer|Reply) (as|with) a list(|, please).", "(Use|Write) a bullet point(|, please)."),
        lambda sentence, short: (f"- {short}",),
    ),
    "quotes": Style(
        expand("(Put|Write) the answer in quotes(|, please).", "(Answer|Reply) in quotes(|, please)."),
        lambda sentence, short: (f'"{short}"',),
    ),
    "brackets": Style(
        expand("(Put|Write) the answer in brackets(|, please).", "(Answer|Reply) in brackets(|, please)."),
        lambda sentence, short: (f"({short})",),
    ),
    "curly brackets": Style(
        expand("(Put|Write) the answer in curly brackets(|, please).", "(Answer|Reply) in curly brackets(|, please)."),
        lambda sentence, short: ("{" + short + "}",),
    ),
    "label": Style(
        expand("(Begin|Start) with the word answer(|, please).", "(Write|Say) answer and a colon first(|, please)."),
        lambda sentence, short: (f"Answer: {short}",),
    ),
    "twice": Style(
        expand("(Say|Write) the answer twice(|, please).", "(Answer|Reply) two times(|, please)."),
        lambda sentence, short: (f"{short}, {short}",),
    ),
    "stars": Style(
        expand("(Put|Write) the answer (between|in) stars(|, please).", "Make the answer bold(|, please)."),
        lambda sentence, short: (f"**{short}**",),
    ),
}  # fmt: skip
