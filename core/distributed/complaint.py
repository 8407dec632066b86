"""What a rank complains about on standard error: one sentence for people, and before it the words that it is made of.

By these whoever has launched the rank can say the sentence in another language, and ask about inputs that have changed.
"""

import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from core.distributed.launched import rank_of
from core.errors import ChangedInputs, Unavailable, UserError
from core.text.sentence import pack, unpack

LAUNCHED = "HONE_LAUNCHED"  # set for a rank whose standard input brings the wishes of a person
_SENTENCE, _WORDS = "hone: ", "hone-words: "


def complaint(sentence: str, changes: Sequence[str] = (), environment: Mapping[str, str] = os.environ) -> str:
    """The lines that tell of a sentence, and of the inputs that have changed where that is what it says.

    A rank that something else than Hone has launched, which puts what all of them print into one, tells its machine.
    """
    if not environment.get(LAUNCHED):
        rank = rank_of(environment)
        machine = f"{socket.gethostname()} (rank {rank}): " if rank else ""
        return f"{_SENTENCE}{machine}{sentence}"
    words = pack({"sentence": sentence, "changes": changes})
    told = f"{_SENTENCE}{sentence}"
    return f"{_WORDS}{json.dumps(words)}\n{told}"


def understand(lines: Sequence[str], sign: Callable[[str], str]) -> UserError | None:
    """The error that the last complaint in these lines tells of; None where there is none. `sign` makes of its sentence
    the one that is told."""
    number = next((n for n in range(len(lines) - 1, -1, -1) if lines[n].startswith(_SENTENCE)), None)
    if number is None:
        return None
    sentence, changes = lines[number].removeprefix(_SENTENCE), list[str]()
    if number and lines[number - 1].startswith(_WORDS):
        with suppress(ValueError, LookupError, TypeError, AttributeError):
            words = json.loads(lines[number - 1].removeprefix(_WORDS))
            said, changes = unpack(words["sentence"]), [str(unpack(change)) for change in words["changes"]]
            sentence = said if said == sentence else sentence
    return ChangedInputs(sign(sentence), tuple(changes)) if changes else Unavailable(sign(sentence))
