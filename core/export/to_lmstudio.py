"""The export target `lmstudio`: the whole model where LM Studio and other MLX programs look for one."""

import json
from collections.abc import Iterator
from pathlib import Path

from core.errors import BadOption
from core.events import Event, Saved
from core.export.fused_model import fuse
from core.export.quantized_model import quantize
from core.export.request import ExportRequest
from core.text.sentence import say

PUBLISHER = "hone"
# LM Studio's folder of models, since 0.3.3 and before it; and the file that says where it really is.
_SETTINGS = ("~/.lmstudio/settings.json", "~/.cache/lm-studio/settings.json")
_FOLDERS = ("~/.lmstudio/models", "~/.cache/lm-studio/models")
FORMS = ("none", "affine-4", "affine-8", "affine-6", "mxfp4")


def models_folder() -> Path:
    """Where LM Studio keeps its models; its usual place where it is not on this computer."""
    for file in _SETTINGS:
        try:
            chosen = json.loads(Path(file).expanduser().read_text(encoding="utf-8")).get("downloadsFolder")
        except (OSError, ValueError, AttributeError):
            continue
        if isinstance(chosen, str) and chosen and Path(chosen).is_dir():
            return Path(chosen)
    folders = [Path(folder).expanduser() for folder in _FOLDERS]
    return next((folder for folder in folders if folder.is_dir()), folders[0])


def export_lmstudio(request: ExportRequest) -> Iterator[Event]:
    """Write the whole model as hone/NAME in LM Studio's folder, or in `output`. A name that is there already gets a
    number. Yields Saved with the folder at the end. Raises UserError."""
    place = Path(request.output).expanduser() if request.output else models_folder()
    form = request.form or FORMS[0]
    name = request.name + ("" if form == FORMS[0] else f"-{form}")
    target = free_name(place / PUBLISHER / name)
    backend, allow_code = request.backend_name, request.allow_code
    if not request.is_adapter and form == FORMS[0]:
        raise BadOption(
            say("{source} is a whole model already: copy its folder to {target}.", source=request.source, target=target)
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if request.is_adapter:
        events = fuse(
            request.source,
            target,
            model=request.model,
            quantization=form,
            backend_name=backend,
            allow_code=allow_code,
        )
    else:
        events = quantize(request.source, target, form, backend_name=backend, allow_code=allow_code)
    for event in events:
        yield Saved(0, str(target), "model") if isinstance(event, Saved) else event


def free_name(folder: Path) -> Path:
    """The folder, or one with a number behind its name where it is there already."""
    number, found = 2, folder
    while found.exists():
        found = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return found
