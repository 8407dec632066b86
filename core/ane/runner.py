"""Who computes a saved program. Core ML is one way; whatever has `run` can take its place."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from core.ane.coreml import load_coremltools

Array = np.ndarray[Any, Any]


class RunnerError(Exception):
    """A program could not be loaded or computed; the message is one clause for the person."""


class Runner(Protocol):
    """A program that is loaded and ready."""

    def run(self, feed: Mapping[str, Array]) -> Mapping[str, Array]:
        """The outputs by name for all inputs by name. Raises RunnerError."""
        ...


@runtime_checkable
class Closable(Protocol):
    """A runner that holds something beside memory."""

    def close(self) -> None: ...


LoadRunner = Callable[[Path], Runner]  # of a saved program; raises RunnerError


class CoreMLRunner:
    """Core ML, asked for the Neural Engine; it decides by itself what runs there."""

    def __init__(self, folder: Path, *, cpu_only: bool = False) -> None:
        ct = load_coremltools()
        units = ct.ComputeUnit.CPU_ONLY if cpu_only else ct.ComputeUnit.CPU_AND_NE
        try:
            self._model = ct.models.MLModel(str(folder), compute_units=units)
        except Exception as error:  # whatever its native part raises
            raise RunnerError(f"Core ML could not load the program ({first_line(error)})") from error

    def run(self, feed: Mapping[str, Array]) -> Mapping[str, Array]:
        """See Runner. Core ML gives float32 whatever the program computes in."""
        try:
            outputs: Mapping[str, Array] = self._model.predict(dict(feed))
        except Exception as error:  # whatever its native part raises
            raise RunnerError(f"Core ML could not compute ({first_line(error)})") from error
        return outputs


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
