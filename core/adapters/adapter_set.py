"""Several saved adapters over one base model that is in memory once: one of them, or none, is used at a time."""

from pathlib import Path

import mlx.nn as nn
from mlx.utils import tree_unflatten

from core.adapters.files import read
from core.adapters.layers import adapter_layers
from core.adapters.load_adapter import attach_saved
from core.adapters.lora import AdapterLayer
from core.errors import BadModel


class AdapterSet:
    """The adapters of a model that was loaded without one; they share its weights, and each adds only its own."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._layers: dict[Path, dict[str, AdapterLayer]] = {}  # of each adapter, by the names of the model's layers
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
        if folder in self._layers:
            self._model.update_modules(tree_unflatten(list(self._layers[folder].items())))
        else:
            config, weights = read(folder)
            try:
                attach_saved(self._model, config, weights, folder)
            except BadModel:
                self._restore_base(adapter_layers(self._model))
                raise
            self._layers[folder] = adapter_layers(self._model)
            self._model.eval()
        self._active = folder

    def drop(self, folder: Path) -> None:
        """Free the adapter of a folder."""
        if folder == self._active:
            self._unwrap()
        self._layers.pop(folder, None)

    def _unwrap(self) -> None:
        if self._active is not None:
            self._restore_base(self._layers[self._active])
            self._active = None

    def _restore_base(self, layers: dict[str, AdapterLayer]) -> None:
        """Put each layer's own base back in its place."""
        self._model.update_modules(tree_unflatten([(name, layer.base) for name, layer in layers.items()]))
