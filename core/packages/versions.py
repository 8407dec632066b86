"""The versions of installed packages, each looked up once: finding one opens and reads that package's description."""

import functools
import importlib.metadata


@functools.cache
def package_version(name: str) -> str | None:
    """The version of an installed package, None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
