"""Make a model trainable: a fresh adapter, a saved one to go on from, or every weight."""

import math
from pathlib import Path

import mlx.nn as nn

from core.adapters import full, rank_pattern
from core.adapters.files import read
from core.adapters.layers import adapter_layers, wrap_layers
from core.adapters.load_adapter import attach_saved
from core.adapters.options import AdapterOptions
from core.adapters.rank_pattern import RankScale
from core.adapters.target_modules import find_target_layers
from core.errors import BadModel, BadOption
from core.model.families import UNSUPPORTED, describe_support
from core.text.sentence import say


def attach(model: nn.Module, options: AdapterOptions) -> None:
    """Make the model trainable in place, as the section [adapter] of a run says.

    With options.init, training goes on from that saved adapter: kind, rank, scale and layers are the saved ones, and
    options that say otherwise are refused. Raises BadOption for options that do not fit the model or the saved
    adapter, and BadModel for a model that cannot be trained or an adapter that does not belong to it.
    """
    level, reason = describe_support(str(getattr(model, "model_type", "")))
    if level == UNSUPPORTED:
        raise BadModel(reason)
    if options.type == "full":
        full.attach(model)
    elif options.init:
        _continue_from_saved(model, options)
    else:
        experts = options.type != "dora"  # neither PEFT nor mlx-lm has DoRA for experts
        layers = find_target_layers(model, options.targets, options.layers, experts=experts)
        rank_scale = RankScale(options.rank, adapter_scale(options, options.rank))
        wrap_layers(model, layers, options.type, dict.fromkeys(layers, rank_scale), options.dropout)


def adapter_scale(options: AdapterOptions, rank: int) -> float:
    """The factor of the product B A: alpha / rank, with rsLoRA alpha / sqrt(rank). Alpha is 2 × rank unless set."""
    alpha = 2.0 * rank if options.alpha is None else options.alpha
    return float(alpha / (math.sqrt(rank) if options.rslora else rank))


def _continue_from_saved(model: nn.Module, options: AdapterOptions) -> None:
    """Attach the saved adapter options.init. Raises BadOption where other options contradict it."""
    folder = Path(str(options.init)).expanduser()
    config, weights = read(folder)
    kind = config.get("fine_tune_type", "lora")
    if kind == "full":
        raise BadModel(
            say(
                "{folder} holds a fully trained model, not an adapter: fuse it, and give it as the model.",
                folder=folder,
            )
        )
    attach_saved(model, config, weights, folder)
    layers, defaults = adapter_layers(model), type(options)()
    if options.type not in (defaults.type, kind):
        raise BadOption(
            say(
                "The adapter in {folder} is a {kind} adapter: {wanted} cannot go on from it.",
                folder=folder,
                kind=kind,
                wanted=options.type,
            )
        )
    first_layer = next(iter(layers.values()))
    _check_rank_scale(
        options, RankScale(first_layer.rank, first_layer.scale), bool(config.get(rank_pattern.KEY)), folder
    )
    if (options.targets, options.layers) != (defaults.targets, defaults.layers):
        requested = set(find_target_layers(model, options.targets, options.layers))
        mismatched = sorted(requested ^ set(layers))
        if mismatched:
            verb = say("has") if mismatched[0] in layers else say("lacks")
            raise BadOption(
                say(
                    "The adapter in {folder} {verb} an adapter for {layer}; leave targets and layers out.",
                    folder=folder,
                    verb=verb,
                    layer=mismatched[0],
                )
            )
    for layer in layers.values():
        layer.dropout = nn.Dropout(p=options.dropout)


def _check_rank_scale(options: AdapterOptions, saved: RankScale, layers_differ: bool, folder: Path) -> None:
    """Raises BadOption where rank, alpha or rslora are set and are not those of the saved adapter."""
    default_rank = type(options)().rank
    rank = saved.rank if options.rank == default_rank else options.rank
    sets_scale = options.alpha is not None or options.rslora
    if layers_differ and (sets_scale or options.rank != default_rank):
        raise BadOption(
            say(
                "The layers of the adapter in {folder} differ in rank or strength: leave rank and alpha out.",
                folder=folder,
            )
        )
    scale_differs = sets_scale and not math.isclose(adapter_scale(options, rank), saved.scale, rel_tol=1e-6)
    if rank != saved.rank or scale_differs:
        raise BadOption(
            say(
                "The adapter in {folder} was trained with rank {rank} and alpha {alpha:g}; ask for the same, or "
                "leave both out, to go on from it.",
                folder=folder,
                rank=saved.rank,
                alpha=saved.scale * saved.rank,
            )
        )
