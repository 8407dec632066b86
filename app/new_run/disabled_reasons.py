"""Why a choice cannot be made just now, in words: one table for cards, menus and fields. No Qt."""

import re

from core.options import describe
from core.quant.modes import MODES, UNPACKED
from core.run import Adapter, Run, list_options

Reasons = dict[str, dict[str, str]]  # {option: {choice: why}}; the choice "" stands for the whole option

ADD_ON = tuple(o.name for o in describe(Adapter) if o.name != "type")  # what LoRA and DoRA have


def reasons(run: Run, comes_packed: str = "") -> Reasons:
    """What the run's other choices rule out. `comes_packed` is how the model's own weights are packed, "" for not."""
    found: Reasons = {}
    packed = run.model.quantization
    if comes_packed:
        words = f"This model comes packed in {comes_packed} already."
        found["model.quantization"] = {mode: words for mode in MODES}
        found["adapter.type"] = {"full": f"Its weights are packed in {comes_packed}; only an add-on can be trained."}
    if packed != UNPACKED:
        title = MODES[packed].title
        found["adapter.type"] = {"full": f"Weights packed in {title} cannot be trained: choose full precision first."}
    elif run.adapter.init:
        found["adapter.type"] = {"full": "The run starts from an adapter, which goes with LoRA and DoRA."}
    if run.adapter.type == "full":
        words = "All weights are trained, and packed ones cannot be: choose LoRA or DoRA first."
        found["model.quantization"] = {mode: words for mode in MODES}
        found |= {f"adapter.{name}": {"": "Goes with LoRA and DoRA; all weights are trained here."} for name in ADD_ON}
    if packed == UNPACKED or not MODES[packed].double:
        both = " and ".join(mode.title for mode in MODES.values() if mode.double)
        found["model.double_quantization"] = {"": f"Goes with {both}."}
    return found


def in_words(sentence: str, method: str) -> str:
    """A sentence of the library with flags and names of options as the window calls them: --lora-r is “Rank”."""
    labels = {}
    for _, o in list_options(method):
        labels[o.flag] = o.label
        if "_" in o.name:  # other names are ordinary words as well
            labels[o.name] = o.label
    return re.sub(
        r"--[a-z0-9-]*[a-z0-9]|\b[a-z0-9]+(?:_[a-z0-9]+)+\b",
        lambda found: f"“{labels[found[0]]}”" if found[0] in labels else found[0],
        sentence,
    )
