"""Several saved adapters over one base model that is in memory once: one of them, or none, is used at a time."""

from dataclasses import dataclass
from pathlib import Path

import mlx.nn as nn
from mlx.utils import tree_unflatten

from core.adapters.files import read
from core.adapters.layers import changed_modules
from core.adapters.load_adapter import attach_for_use
from core.adapters.lora import AdapterLayer
from core.adapters.saved_module import SavedModule
from core.adapters.untied_head import is_untied, tie, untie
from core.errors import BadModel


@dataclass(frozen=True)
class _Adapter:
    """What an adapter puts into the model."""

    modules: dict[str, AdapterLayer | SavedModule]  # by the names of the model's own that they are used for
    is_untied: bool  # whether it gives the model an output layer of its own


class AdapterSet:
    """The adapters of a model that was loaded without one; they share its weights, and each adds only its own."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._adapters: dict[Path, _Adapter] = {}
        self._active: Path | None = None

    def use(self, folder: Path | None) -> None:
        """Make the model compute with the adapter of a folder, read at its first use, or with None as it came.

        Raises BadModel where the folder holds no adapter, or one of another model; then the model is as it came.
        """
        if folder == self._active:
            return
        self._unwrap()
        if folder is None:
            return
        if folder in self._adapters:
            adapter = self._adapters[folder]
            if adapter.is_untied:
                untie(self._model)
            self._model.update_modules(tree_unflatten(list(adapter.modules.items())))
        else:
            config, weights = read(folder)
            try:
                attach_for_use(self._model, config, weights, folder)
            except BadModel:
                self._restore_base()
                raise
            self._adapters[folder] = _Adapter(changed_modules(self._model), is_untied(self._model))
            self._model.eval()
        self._active = folder

    def drop(self, folder: Path) -> None:
        """Free the adapter of a folder."""
        if folder == self._active:
            self._unwrap()
        self._adapters.pop(folder, None)

    def _unwrap(self) -> None:
        if self._active is not None:
            self._restore_base()
            self._active = None

    def _restore_base(self) -> None:
        """Put each module's own base back in its place."""
        changed = changed_modules(self._model)
        self._model.update_modules(tree_unflatten([(name, module.base) for name, module in changed.items()]))
        if is_untied(self._model):
            tie(self._model)
