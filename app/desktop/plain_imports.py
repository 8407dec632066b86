"""Takes PySide's hook out of Python's imports.

PySide 6 puts itself before every import, for `from __feature__ import …`, which Hone does not use. After each module it
reads that module's source to look for the word PySide6: a tenth of the work until the window stands, and Python keeps
the source of every module of transformers in memory from then on.
"""

import builtins

import PySide6.QtCore  # noqa: F401  which puts the hook there

# Without an entry of its own, a module has no feature: the same as what the hook finds for ours.
builtins.__import__ = getattr(builtins, "__orig_import__", builtins.__import__)
