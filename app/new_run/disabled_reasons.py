"""Why a choice is disabled, in words: one table for cards, menus and fields. No Qt."""

import re

from app.desktop.language import tr
from app.runs.settings_text import list_options
from core.options import describe
from core.quant.modes import MODES, UNPACKED
from core.rewards import REWARDS
from core.run import Adapter, Run
from core.text.sentence import Sentence, say

Reasons = dict[str, dict[str, str]]  # {option: {choice: reason}}; the choice "" stands for the whole option

ADAPTER_OPTIONS = tuple(o.name for o in describe(Adapter) if o.name != "type")  # options that only LoRA and DoRA have

_NAMES = re.compile(r"--[a-z0-9-]*[a-z0-9]|\b[a-z0-9]+(?:_[a-z0-9]+)+\b")  # of flags and options
_REWARD = re.compile(r"reward \{(\w+)!r\}")  # where a sentence of the library names one


def find_reasons(run: Run, model_packing: str = "") -> Reasons:
    """The choices that the run's other choices rule out, each with the reason.

    `model_packing` is how the model's own weights are quantized, such as "4 bit affine"; "" for full precision.
    """
    reasons: Reasons = {}
    mode = run.model.quantization
    if model_packing:
        sentence = tr("This model comes packed in {model_packing} already.", model_packing=model_packing)
        reasons["model.quantization"] = {name: sentence for name in MODES}
        reasons["adapter.type"] = {
            "full": tr(
                "Its weights are packed in {model_packing}; only an adapter can be trained.",
                model_packing=model_packing,
            )
        }
    if mode != UNPACKED:
        title = tr(MODES[mode].title)
        reasons["adapter.type"] = {
            "full": tr("Weights packed in {title} cannot be trained: choose full precision first.", title=title)
        }
    elif run.adapter.init:
        reasons["adapter.type"] = {"full": tr("The run starts from an adapter, which goes with LoRA and DoRA.")}
    if run.adapter.type == "full":
        sentence = tr("All weights are trained, and packed ones cannot be: choose LoRA or DoRA first.")
        reasons["model.quantization"] = {name: sentence for name in MODES}
        sentence = tr("Goes with LoRA and DoRA; all weights are trained here.")
        reasons |= {f"adapter.{name}": {"": sentence} for name in ADAPTER_OPTIONS}
    if mode == UNPACKED or not MODES[mode].double:
        titles = tr(" and ").join(tr(mode.title) for mode in MODES.values() if mode.double)
        reasons["model.double_quantization"] = {"": tr("Goes with {titles}.", titles=titles)}
    return reasons


def use_labels(sentence: str, method: str) -> str:
    """A sentence of the library in the window's language, with its labels for flags, options and rewards: --lora-r
    becomes “Rank”."""
    sentence = tr(_with_titles(sentence))
    if not _NAMES.search(sentence):
        return sentence  # most often, and after every change: listing the options in a language takes milliseconds
    labels = {}
    for _, o in list_options(method):
        labels[o.flag] = tr(o.label)
        if "_" in o.name:  # other names are ordinary words as well
            labels[o.name] = tr(o.label)
    return _NAMES.sub(lambda match: tr("“{name}”", name=labels[match[0]]) if match[0] in labels else match[0], sentence)


def _with_titles(sentence: str) -> str:
    """A sentence that names a reward, with the reward's title."""
    if not isinstance(sentence, Sentence):
        return sentence
    named = {key: sentence.values.get(key) for key in _REWARD.findall(sentence.words)}
    titles = {key: tr(REWARDS[str(name)].title) for key, name in named.items() if name in REWARDS}
    return say(sentence.words, **{**sentence.values, **titles}) if titles else sentence
