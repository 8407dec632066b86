"""coremltools without its noise.

On Linux it says eight times that it cannot load what only a Mac has; it draws bars while it converts.
"""

import importlib
import importlib.util
import threading
from typing import Any

from core.packages.quiet import quiet

PACKAGE = "coremltools"
_importing = threading.Lock()


def is_installed() -> bool:
    """Whether coremltools is there; does not import it, which takes seconds."""
    return importlib.util.find_spec(PACKAGE) is not None


def load_coremltools() -> Any:
    """The module coremltools. Raises ImportError where it is not installed."""
    with _importing, quiet(PACKAGE, "transformers"):
        package = importlib.import_module(PACKAGE)
        passes: Any = importlib.import_module(f"{PACKAGE}.converters.mil.mil.passes.pass_pipeline")
        passes.tqdm = lambda names, **kwargs: names
        return package
