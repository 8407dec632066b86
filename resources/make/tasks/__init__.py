"""The kinds of task in the corpus. One file is one kind: draw(rng) -> Item, and its SHARE of the rows. The folder is
the list."""

import functools
import importlib
import pkgutil
from types import ModuleType


@functools.cache
def load() -> dict[str, ModuleType]:
    """Every kind of task by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name.replace("_", " "): importlib.import_module(f"{__name__}.{name}") for name in names}
