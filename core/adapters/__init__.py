"""What a run trains: a small adapter beside a frozen model (lora, dora), or every weight of it (full).

A model of mlx-lm goes in; the functions here change it in place:

    attach(model, options)              add a fresh adapter; trainable_parameters() is then what a run trains
    load(model, folder)                 add a saved adapter, in mlx-lm's format or PEFT's
    AdapterSet(model)                   several saved adapters over one base, one in use at a time
    load_base(folder, …)                the model of a saved adapter without it, packed as it was in training
    load_part(model, folder)            a saved adapter on a model that is parted over ranks by layers
    take_off(model), put_on(model, …)   its adapter layers, put back on once it is parted
    disable(model)                      a context in which the model computes as before training
    build_config(model, options, base)  the contents of adapter_config.json, in mlx-lm's terms
"""

from core.adapters.adapter_config import build_config, read_chat_template, resolved_options
from core.adapters.adapter_set import AdapterSet
from core.adapters.attach_adapter import attach
from core.adapters.files import (
    CONFIG,
    PEFT_WEIGHTS,
    WEIGHTS,
    BasePrecision,
    choose_base_precision,
    missing_adapter,
    only_for_hone,
    read,
    read_base_precision,
)
from core.adapters.layers import adapter_layers, disable, saved_tensors, trainable_tensors
from core.adapters.load_adapter import load
from core.adapters.load_base import load_base
from core.adapters.lora import AdapterLayer
from core.adapters.parted_lora import put_on, take_off
from core.adapters.saved_module import saved_modules
from core.adapters.sharded_adapter import load_part
from core.adapters.untied_head import HEAD, find_untied_head, is_untied, untied_note

__all__ = [
    "CONFIG", "HEAD", "PEFT_WEIGHTS", "WEIGHTS", "AdapterLayer", "AdapterSet", "BasePrecision", "adapter_layers",
    "attach", "build_config", "choose_base_precision", "disable", "find_untied_head", "is_untied", "load",
    "load_base", "load_part", "missing_adapter", "only_for_hone", "put_on", "read",
    "read_base_precision", "read_chat_template", "resolved_options", "saved_modules", "saved_tensors",
    "take_off", "trainable_tensors", "untied_note",
]  # fmt: skip
