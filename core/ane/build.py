"""The programs of a whole model, made, loaded and put in the place of its blocks."""

import functools
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import mlx.nn as nn

from core.ane.block import LINEARS, block_shape
from core.ane.engine import Chunk
from core.ane.feed import lora_layers
from core.ane.program import chunk_spec, linear_sizes, save_program
from core.ane.program_cache import ProgramCache, program_key
from core.ane.runner import Array, LoadRunner, Runner, RunnerError
from core.text.sentence import say

MOST_BLOCKS = 3  # of a chunk
MOST_BYTES = 500_000_000  # of a chunk's constants
ANSWER_SECONDS = 60.0  # for one computation, which takes milliseconds


def split_blocks(blocks: Sequence[nn.Module]) -> list[Sequence[nn.Module]]:
    """The blocks in chunks; blocks below the first adapter, which need no gradient, lie in chunks of their own."""
    shape = block_shape(blocks[0])
    sizes = [linear_sizes(shape, name) for name in LINEARS]
    size = max(1, min(MOST_BLOCKS, MOST_BYTES // sum(2 * a * b for a, b in sizes)))
    first = next((i for i, block in enumerate(blocks) if lora_layers([block])), len(blocks))
    parts = (blocks[:first], blocks[first:])
    return [part[i : i + size] for part in parts for i in range(0, len(part), size)]


def build_chunks(
    blocks: Sequence[nn.Module], length: int, programs: ProgramCache, load: LoadRunner, *, forward_only: bool = False
) -> Iterator[Chunk]:
    """Each chunk of a model's blocks, in order, its program made or kept from before, and loaded.

    `forward_only` says that no gradient will be asked of them.

    Raises RunnerError, and ValueError where a weight is too large for float16.
    """
    has_gradient = False
    for part in split_blocks(blocks):
        has_gradient = not forward_only and (has_gradient or bool(lora_layers(part)))
        spec = chunk_spec(part, length, taps=has_gradient)
        save = functools.partial(save_program, part, spec)
        try:
            package, was_kept = programs.get(program_key(part, spec), save)
        except OSError as error:
            raise RunnerError(say("Its programs cannot be kept ({reason})", reason=error)) from error
        yield Chunk(part, spec, PatientRunner(load(package)), has_gradient, was_kept)


class PatientRunner:
    """A runner that is waited for no longer than some seconds: what hangs costs a run nothing but the reason."""

    def __init__(self, runner: Runner, seconds: float = ANSWER_SECONDS) -> None:
        self._runner, self._seconds = runner, seconds
        self._requests: queue.SimpleQueue[Mapping[str, Array] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="neural-engine", daemon=True).start()

    def run(self, feed: Mapping[str, Array]) -> Mapping[str, Array]:
        """See Runner."""
        self._requests.put(feed)
        try:
            answer = self._answers.get(timeout=self._seconds)
        except queue.Empty:
            raise RunnerError(say("Core ML did not answer within {seconds:g} seconds", seconds=self._seconds)) from None
        if isinstance(answer, BaseException):
            raise answer
        outputs: Mapping[str, Array] = answer
        return outputs

    def close(self) -> None:
        """End its thread, which holds the program."""
        self._requests.put(None)

    def _serve(self) -> None:
        while (feed := self._requests.get()) is not None:
            try:
                self._answers.put(self._runner.run(feed))
            except BaseException as error:  # handed over whole, to be raised where run() was called
                self._answers.put(error)
