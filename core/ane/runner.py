"""Who computes a saved program. Core ML is one way; whatever has `run` can take its place."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from core.ane.coreml import load_coremltools
from core.ane.program_cache import add_folder, is_listed
from core.text.sentence import say

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


COMPILED = ".mlmodelc"  # the suffix of what Core ML makes of a package, beside which it is kept


class CoreMLRunner:
    """Core ML, asked for the Neural Engine; it decides by itself what runs there.

    What it compiles is kept beside the package: macOS, too, then finds again what it has made for the engine.
    """

    def __init__(self, package: Path) -> None:
        ct = load_coremltools()
        units, compiled = ct.ComputeUnit.CPU_AND_NE, package.with_suffix(COMPILED)
        try:
            if is_listed(compiled):
                self._model = ct.models.CompiledMLModel(str(compiled), units)
            else:
                self._model = ct.models.MLModel(str(package), compute_units=units)
                add_folder(Path(self._model.get_compiled_model_path()), compiled)
        except Exception as error:  # whatever its native part raises
            raise RunnerError(say("Core ML could not load the program ({reason})", reason=error)) from error

    def run(self, feed: Mapping[str, Array]) -> Mapping[str, Array]:
        """See Runner. Core ML gives float32 whatever the program computes in."""
        try:
            outputs: Mapping[str, Array] = self._model.predict(dict(feed))
        except Exception as error:  # whatever its native part raises
            raise RunnerError(say("Core ML could not compute ({reason})", reason=error)) from error
        return outputs
