"""transformers imported in half the time.

At its import transformers reads each of its files, twice, for the names that they export: it remembers what it found
for fewer folders than it has, and goes through every line of a file. Here it remembers all of them, and looks only at
the lines from the last `__all__` on. What it finds is the same.
"""

import functools
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any

_NAME = "transformers.utils.import_utils"


def prepare() -> None:
    """See to it that transformers is imported quickly, if it will be imported."""
    if _NAME not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds the one module as usual, and changes it once it is loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _NAME:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        loader: Any = spec and spec.loader
        if loader is not None:
            loader.exec_module = functools.partial(_execute, loader.exec_module)
        return spec


def _execute(as_usual: Callable[[ModuleType], None], module: Any) -> None:
    as_usual(module)
    if hasattr(getattr(module, "create_import_structure_from_path", None), "__wrapped__"):  # it remembers too little
        module.create_import_structure_from_path = functools.cache(module.create_import_structure_from_path.__wrapped__)
    if hasattr(module, "fetch__all__"):
        module.fetch__all__ = functools.partial(_read_from_last, module.fetch__all__)


def _read_from_last(read: Callable[[str], list[str]], text: str) -> list[str]:
    """The exported names of a file's text, of which `read` goes through every line."""
    start = text.rfind("\n__all__") + 1
    return read(text[start:])
