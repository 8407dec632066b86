"""What the list "Use it" says of each target beside its own title and sentence, and the words for its forms."""

from dataclasses import dataclass

from app.desktop.language import tr
from core.quant.modes import MODES, UNPACKED

FILE, FOLDER, OLLAMA, HUB, OWN = "file", "folder", "ollama", "hub", "own"  # what is asked before it begins


@dataclass(frozen=True)
class Place:
    """How a target looks in the list. `asks` is FILE, FOLDER, OLLAMA, HUB or OWN."""

    icon: str
    button: str
    button_icon: str
    asks: str
    name: str  # of what is written, with the {name} of the result and its {form}
    is_model: bool = False  # Hone can train what it writes


PLACES = {
    "model": Place("model", tr("Save…"), "save", FOLDER, "{name}-{form}", is_model=True),
    "gguf": Place("file", tr("Save…"), "save", FILE, "{name}-{form}.gguf"),
    "ollama": Place("chat", tr("Send to Ollama…"), "send", OLLAMA, "{name}-ollama"),
    "lmstudio": Place("chip", tr("Put into LM Studio"), "send", OWN, "", is_model=True),
    "peft": Place("spark", tr("Save…"), "save", FOLDER, "{name}-peft"),
    "hub": Place("drop", tr("Upload…"), "send", HUB, "{name}"),
}
_UPLOADS = {"adapter": tr("The adapter alone"), "model": tr("The whole model")}  # what goes to the Hub
_BITS = {"f16": 16, "bf16": 16, "q8_0": 8}


def form_label(form: str) -> str:
    """A form in words: "4 bit affine", "8 bit q8_0"."""
    if form == UNPACKED:
        return tr("As exact as it came")
    if form in _UPLOADS:
        return _UPLOADS[form]
    if form in MODES:
        return tr(MODES[form].title)
    bits = _BITS.get(form) or form.removeprefix("q")[:1]
    return tr("{bits} bit {form}", bits=bits, form=form)
