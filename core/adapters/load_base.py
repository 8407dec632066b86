"""Load the model that a saved adapter goes on, without the adapter."""

from dataclasses import replace
from pathlib import Path

from core.adapters.files import BasePrecision
from core.adapters.sharded_adapter import with_adapter
from core.model.load import LoadedModel, load
from core.model.sharding import Sharding


def load_base(
    folder: Path,
    adapter: Path | str | None,
    precision: BasePrecision,
    dtype: str = "auto",
    *,
    device: str,
    allow_code: bool = False,
    sharding: Sharding | None = None,
    room: int | None = None,
) -> LoadedModel:
    """The model of a folder, packed as `precision` says, with what that is as the first of its notes.

    Arguments:
        adapter: what will be loaded on it, for which it is parted where it is parted; None for nothing.

    The others are those of core.model.load.load(). Raises what that raises.
    """
    loaded = load(
        folder,
        dtype,
        device=device,
        allow_code=allow_code,
        quantization=precision.quantization,
        double=precision.double,
        sharding=with_adapter(sharding, adapter),
        room=room,
    )
    return replace(loaded, notes=[*filter(None, [precision.note]), *loaded.notes])
