"""Why a result cannot go to a target, as far as configs tell: known before an export has cost anything."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from core import adapters
from core.chat import read_base_model
from core.errors import BadModel
from core.export.gguf_families import find_gguf_family
from core.export.programs import find_program
from core.export.request import ExportRequest
from core.export.to_gguf import K_QUANTS, QUANTIZER
from core.files.json_file import read_json
from core.model import hub
from core.model.check_folder import read_config
from core.text.sentence import say


def find_refusal(request: ExportRequest, target: str) -> str:
    """The reason why `target` of core.export.targets cannot be made of a source, or "" where its configs say nothing
    against it. Reads small files alone, and nothing from the network."""
    try:
        return _CHECKS.get(target, _check_whole)(request)
    except BadModel as error:
        return str(error)


def find_form_refusal(form: str) -> str:
    """What a form needs and does not find on this computer, or ""."""
    if form in K_QUANTS and find_program(QUANTIZER) is None:
        return say(
            "It is written by llama.cpp's own {quantizer}, which is not on this computer: install llama.cpp.",
            quantizer=QUANTIZER,
        )
    return ""


def _check_whole(request: ExportRequest) -> str:
    _read_base_config(request)
    return ""


def _check_gguf(request: ExportRequest) -> str:
    config = _read_base_config(request)
    if config:
        find_gguf_family(config)
    if not request.is_adapter and (config.get("quantization") or config.get("quantization_config")):
        return say("Its weights are packed; export the model in full precision, or the run that used it.")
    return ""


def _check_peft(request: ExportRequest) -> str:
    if not request.is_adapter:
        return say("It is a whole model, and no adapter.")
    saved = read_json(Path(request.source).expanduser() / adapters.CONFIG)
    if saved.get("fine_tune_type") == "full":
        return say("All of its weights were trained, so there is no adapter: save it as a whole model instead.")
    return ""


def _read_base_config(request: ExportRequest) -> dict[str, Any]:
    """config.json of the model that is exported, {} where that is still on the network. Raises BadModel."""
    folder = Path(request.source).expanduser()
    if not request.is_adapter:
        return read_config(folder) if folder.is_dir() else {}
    name = request.model or read_base_model(folder)
    if not name:
        raise BadModel(say("The adapter does not name the model that it belongs to."))
    located = hub.locate(hub.find_moved(name, folder))
    if located is None and not request.model:
        raise BadModel(
            say("Its base {name} is not on this computer: choose that model in New run, which downloads it.", name=name)
        )
    return read_config(located) if located else {}


_CHECKS: dict[str, Callable[[ExportRequest], str]] = {
    "gguf": _check_gguf, "ollama": _check_gguf, "peft": _check_peft,
}  # fmt: skip
