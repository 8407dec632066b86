"""What is wrong with a run's sample answers whatever the loss says: loops, nothing at all, answers without an end."""

import math
import re
from collections.abc import Callable, Sequence

from core.events import Finished, Sample
from core.text.sentence import Sentence, say

# From this share of the answers on a fault is told: one of three, not one of eight.
SHARE = 0.25
# A model with fewer parameters hardly writes sentences of its own.
SMALL_MODEL = 30_000_000
# Nats per token. From here on the right token gets a chance of less than one in fifty.
HIGH_LOSS = 4.0
_REPEATS = 3  # of the same words in a row, from which on it is a loop
_MANY_WORDS, _VARIED = 24, 0.2  # a text of so many words goes in circles where fewer than this share are different
_WORD = re.compile(r"\w+|[^\w\s,;]+")
# A few signs again and again, for texts without spaces.
_SIGNS = re.compile(r"(.{1,12}?)\1{7,}", re.DOTALL)
_QUOTED = 24  # characters of an answer that are quoted
_LONGER = 2  # an answer without an end is at least so many times as long as the one in the data


def is_repetitive(text: str) -> bool:
    """Whether a text is little else than the same words or signs again and again, as in "The the the"."""
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(words) >= _MANY_WORDS and len(set(words)) < _VARIED * len(words):
        return True
    for size in range(1, len(words) // _REPEATS + 1):
        length = _longest_loop(words, size)
        # Three times the same word may be meant, "very, very, very good", unless nothing stands beside it.
        is_loop = length >= _REPEATS * size and (size > 1 or length > _REPEATS or length == len(words))
        if is_loop and length > len(words) / 2:
            return True
    longest = max((len(match.group()) for match in _SIGNS.finditer(text)), default=0)
    return longest > len(text) / 2


def _longest_loop(words: Sequence[str], size: int) -> int:
    """Of how many words the longest part is in which every word is that of `size` words before."""
    longest = run = 0
    for before, word in zip(words, words[size:], strict=False):
        run = run + 1 if before == word else 0
        longest = max(longest, run)
    return longest + size if longest else 0


def _repeats(sample: Sample) -> bool:
    return is_repetitive(sample.answer) and not is_repetitive(sample.expected)


def _is_empty(sample: Sample) -> bool:
    return not sample.answer.strip()


def _has_no_end(sample: Sample) -> bool:
    """Cut off far behind the length of the answer in the data; one that shows only a result says nothing of length."""
    return sample.cut and bool(sample.expected) and len(sample.answer) > _LONGER * len(sample.expected)


_FAULTS: tuple[tuple[Callable[[Sample], bool], Sentence, Sentence], ...] = (
    (_is_empty, say("is empty"), say("are empty")),
    (_repeats, say("only repeats itself"), say("only repeat themselves")),
    (_has_no_end, say("does not come to an end"), say("do not come to an end")),
)


def find_caveat(
    finished: Finished, before: Sequence[Sample], after: Sequence[Sample], parameters: int, *, is_text_loss: bool
) -> str:
    """What takes away from a run's verdict, in a sentence or two; "" where nothing does.

    `before` and `after` are the sample answers of those stages, `parameters` those of the whole model. With
    `is_text_loss` the held-out loss is the mean over tokens of a text, in nats.
    """
    fault = _describe_fault(after)
    loss = finished.loss_after
    is_far = is_text_loss and loss is not None and math.isfinite(loss) and loss >= HIGH_LOSS
    if not fault and not is_far:
        return ""
    if not fault:
        chances = math.exp(loss or 0.0)
        fault = say("the right next token still gets a chance of 1 in {chances:,.0f}", chances=chances)
    if parameters < SMALL_MODEL:
        size = say("{count:.1f} million", count=parameters / 1e6) if parameters >= 1e5 else say("{n:,}", n=parameters)
        return say(
            "But {fault}. A model of {size} parameters is too small to write freely: take a larger one.",
            fault=fault,
            size=size,
        )
    if _describe_fault(before):
        return say(
            "But {fault}. It was so before training too: look at the rows, and at the model that was chosen.",
            fault=fault,
        )
    if is_far:
        return say("But {fault}. Train for longer, or choose a model that knows this language.", fault=fault)
    return say("But {fault}. Before training that was not so: try a lower learning rate or fewer epochs.", fault=fault)


def _describe_fault(samples: Sequence[Sample]) -> Sentence | None:
    """The fault that most of the answers have, with their number and one of them; None where few have any."""
    counted = [([s for s in samples if has_fault(s)], one, many) for has_fault, one, many in _FAULTS]
    found, one, many = max(counted, key=lambda entry: len(entry[0]))
    if not found or len(found) < SHARE * len(samples):
        return None
    answer = " ".join(found[0].answer.split())
    quote = say(" (“{answer}”)", answer=_shorten(answer)) if answer else ""
    if len(samples) == 1:
        return say("the sample answer {fault}{quote}", fault=one, quote=quote)
    fault = one if len(found) == 1 else many
    return say(
        "{count} of {all} sample answers {fault}{quote}", count=len(found), all=len(samples), fault=fault, quote=quote
    )


def _shorten(answer: str) -> str:
    """The first words of an answer, on one line."""
    if len(answer) <= _QUOTED:
        return answer
    return (answer[:_QUOTED].rpartition(" ")[0] or answer[:_QUOTED]) + "…"
