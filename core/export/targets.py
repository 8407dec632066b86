"""Where a result can go. Each target is a function in a file of its own; the command line and the window list these."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadOption
from core.events import Event
from core.export import to_hub, to_lmstudio, to_ollama
from core.export.fused_model import fuse
from core.export.gguf_file import KINDS
from core.export.peft_folder import to_peft
from core.export.request import ExportRequest
from core.export.to_gguf import K_QUANTS, export_gguf
from core.model.hub import locate
from core.quant.modes import MODES, UNPACKED
from core.text.sentence import say


@dataclass(frozen=True)
class Target:
    """One place, or one form, in which a result is used."""

    title: str
    sentence: str  # what comes out, and for which programs
    export: Callable[[ExportRequest], Iterator[Event]]
    forms: tuple[str, ...] = ()  # in which it can be written, the usual one first
    needs_output: bool = False  # True: nothing can be written before a person has named the place
    adapter_only: bool = False  # it is made of an adapter, never of a whole model


def export(request: ExportRequest, target: str) -> Iterator[Event]:
    """Bring a result to where it is used.

    Yields Phase and Warned events and ends with Saved, once what was written was loaded again or read back.
    Raises BadOption for an unknown target or form, and UserError with the reason where it cannot be done; then nothing
    is left behind.
    """
    if target not in TARGETS:
        raise BadOption(
            say("There is no target {target!r}; there are {targets}.", target=target, targets=", ".join(TARGETS))
        )
    found = TARGETS[target]
    if request.form and request.form not in found.forms:
        forms = say("it has {forms}", forms=", ".join(found.forms)) if found.forms else say("it has only one")
        raise BadOption(
            say("{title} has no form {form!r}; {forms}.", title=say(found.title), form=request.form, forms=forms)
        )
    if found.needs_output and not request.output:
        raise BadOption(say("{title} needs --output: where to write.", title=say(found.title)))
    if found.adapter_only and not request.is_adapter:
        if not Path(request.source).expanduser().exists():
            raise BadOption(say("There is no folder {folder}.", folder=request.source))
        raise BadOption(
            say("{title} is made of an adapter, and {source} is none.", source=request.source, title=say(found.title))
        )
    if not request.is_adapter:
        locate(request.source)  # nothing is said of a model that is none
    yield from found.export(request)


def _export_model(request: ExportRequest) -> Iterator[Event]:
    if not request.is_adapter:
        raise BadOption(say("{source} is a whole model already; there is nothing to fuse.", source=request.source))
    return fuse(
        request.source,
        request.output or f"{request.name}-model",
        model=request.model,
        quantization=request.form or UNPACKED,
        backend_name=request.backend_name,
        allow_code=request.allow_code,
    )


def _export_peft(request: ExportRequest) -> Iterator[Event]:
    return to_peft(request.source, request.output or f"{request.name}-peft")


TARGETS: dict[str, Target] = {
    "model": Target(
        "A whole model",
        "Adapter and base in one folder, in Hugging Face's layout: for transformers, mlx-lm and vLLM.",
        _export_model,
        (UNPACKED, *MODES),
    ),
    "gguf": Target(
        "A GGUF file",
        "One file for llama.cpp, LM Studio, Ollama, Jan and others.",
        export_gguf,
        (*KINDS, *K_QUANTS),
    ),
    "ollama": Target(
        "Ollama",
        "A model in Ollama: GGUF file, chat template and stop tokens, made there where Ollama is installed.",
        to_ollama.export_ollama,
        to_ollama.FORMS,
    ),
    "lmstudio": Target(
        "LM Studio and other MLX programs",
        "The whole model in the folder where LM Studio looks.",
        to_lmstudio.export_lmstudio,
        to_lmstudio.FORMS,
    ),
    "peft": Target(
        "An adapter for PEFT",
        "The few trained weights alone, for transformers and vLLM beside the base.",
        _export_peft,
        adapter_only=True,
    ),
    "hub": Target(
        "The Hugging Face Hub",
        "Adapter or whole model with a card, private unless asked: for others, and for your other machines.",
        to_hub.export_hub,
        to_hub.FORMS,
        needs_output=True,
    ),
}
