"""A run's data files read, and tokenized while they are read: their examples need not all be in memory."""

from array import array
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.check.content_keys import Keys, key_bytes_array
from core.data.dataset import Dataset, DatasetReader
from core.data.format.example import Example
from core.data.tokenize.encoding import iterate_blocks
from core.data.tokenize.store_builder import GatheredTexts

KEPT = 2000  # examples that are kept: nearly always those that samples are taken from are among them

Report = Callable[[int, float], None]  # (examples tokenized, share of the files that has been read)


@dataclass(frozen=True)
class ReadFiles:
    """What files hold, of N examples."""

    dataset: Dataset  # without the examples
    keys: Keys  # [N, 2]
    labels: NDArray[np.float32]  # [N]: 1 for good, 0 for bad or no label
    examples: tuple[Example, ...]  # the first KEPT; all of them where they were not tokenized
    texts: GatheredTexts  # none where they were not tokenized
    read: Callable[[], DatasetReader]  # the same files once more

    def take(self, wanted: NDArray[np.bool_], most: int) -> tuple[Example, ...]:
        """The first `most` of the examples that are `wanted` [N]."""
        numbers = np.flatnonzero(wanted)[:most].tolist()
        if not numbers or numbers[-1] < len(self.examples):
            return tuple(self.examples[n] for n in numbers)
        chosen = set(numbers)
        with closing(self.read().iterate()) as examples:
            return tuple(e for n, e in enumerate(islice(examples, numbers[-1] + 1)) if n in chosen)


def read_files(read: Callable[[], DatasetReader]) -> ReadFiles:
    """All examples of the files. Raises what DatasetReader raises."""
    reading = _Reading(read, None)
    for _ in reading.iterate():
        pass
    return reading.finish(GatheredTexts())


def encode_files(
    read: Callable[[], DatasetReader], tokenizer: Any, *, report: Report, cancelled: Callable[[], bool], **options: Any
) -> ReadFiles:
    """The texts of the files' examples as tokens, tokenized with these options of iterate_blocks().

    Raises what DatasetReader raises, and Cancelled.
    """
    reading = _Reading(read, KEPT)
    texts = GatheredTexts()
    done = 0
    with closing(reading.iterate()) as examples:
        for block in iterate_blocks(examples, tokenizer, cancelled=cancelled, **options):
            if done:
                report(done, reading.reader.fraction)
            texts.add(block)
            done = len(reading.labels)
    return reading.finish(texts)


class _Reading:
    """What is noted while examples go by."""

    def __init__(self, read: Callable[[], DatasetReader], most: int | None) -> None:
        self.read, self.reader, self.most = read, read(), most  # None: all examples are kept
        self.keys, self.labels, self.examples = bytearray(), array("f"), list[Example]()

    def iterate(self) -> Generator[Example, None, None]:
        keys, labels, examples, reader, most = self.keys, self.labels, self.examples, self.reader, self.most
        with closing(reader.iterate()) as found:
            for example in found:
                keys += bytes.fromhex(reader.key)
                labels.append(1.0 if example.label else 0.0)
                if most is None or len(examples) < most:
                    examples.append(example)
                yield example

    def finish(self, texts: GatheredTexts) -> ReadFiles:
        labels = np.array(self.labels, np.float32)
        return ReadFiles(
            self.reader.dataset(), key_bytes_array(self.keys), labels, tuple(self.examples), texts, self.read
        )


def all_of(files: ReadFiles) -> NDArray[np.bool_]:
    """[N]: every example."""
    return np.ones(len(files.keys), bool)
