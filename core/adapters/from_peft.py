"""Adapters in PEFT's format, read in mlx-lm's terms. Writing that format is in peft.py, files in files.py."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mlx.core as mx

from core.adapters import rank_pattern
from core.errors import BadModel
from core.model.target_names import OUTSIDE_BLOCKS
from core.text.sentence import join_and, say, shorten

ADAPTER_TENSORS = ("lora_a", "lora_b", "m")  # what a low-rank layer consists of; others are of modules held whole
SAVED_MODULES = "modules_to_save"  # in adapter_config.json, as in PEFT's
UNTIED_HEAD = "untied_head"  # in adapter_config.json: what is trained of the embeddings is not for the output layer
BASE_LAYER = ".base_layer.weight"
# Before the name of a tensor that is held whole: versions of PEFT and other trainers have several, or none.
_WHOLE_MARKS = (".modules_to_save.default.", ".modules_to_save.")
_ORIGINAL_MARK = ".original_module."  # before one of the base's own
PREFIX = "base_model.model."
# PEFT's names of tensors → (mlx-lm's name, whether the matrix is transposed).
_PEFT_NAMES = {
    "lora_A.weight": ("lora_a", True),
    "lora_B.weight": ("lora_b", True),
    "lora_embedding_A": ("lora_a", True),
    "lora_embedding_B": ("lora_b", True),
    "lora_magnitude_vector": ("m", False),
    "lora_magnitude_vector.weight": ("m", False),
}
# Ways to start an adapter for which PEFT takes a part out of the base model, which is then another one.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")


def convert(
    folder: Path, peft_config: dict[str, Any], weights: dict[str, mx.array]
) -> tuple[dict[str, Any], dict[str, mx.array]]:
    """(adapter_config.json, tensors) in mlx-lm's terms, of a PEFT adapter's. Raises BadModel."""
    tensors = _rename_tensors(folder, weights, peft_config)
    names = {key.rpartition(".")[0] for key in tensors}
    layers = {key.rpartition(".")[0] for key in tensors if key.rpartition(".")[2] in ADAPTER_TENSORS}
    saved = peft_config.get(SAVED_MODULES)
    if saved and not any(_is_named(name, peft_config) for name in names):  # PEFT passes over those it finds not
        listed = shorten(join_and([str(name) for name in saved]), 80)
        raise BadModel(
            say(
                "The PEFT adapter in {folder} names {names} as held whole ({key}), and has no weights of it.",
                folder=folder,
                names=listed,
                key=SAVED_MODULES,
            )
        )
    config = _convert_config(folder, peft_config, sorted(layers))
    return config | describe_whole(names - layers, untied_head=_is_untied(peft_config, names, layers)), tensors


def describe_whole(names: Iterable[str], *, untied_head: bool) -> dict[str, Any]:
    """What adapter_config.json says of the modules that an adapter holds whole, and of an output layer apart from the
    embeddings; {} for an adapter without either."""
    saved = sorted(names)
    return ({SAVED_MODULES: saved} if saved else {}) | ({UNTIED_HEAD: True} if untied_head else {})


def check_supported(folder: Path, peft_config: dict[str, Any]) -> None:
    """Raises BadModel for a PEFT adapter that holds what mlx-lm's kinds of adapters cannot."""
    kind = str(peft_config["peft_type"])[:40]
    if kind != "LORA":
        raise BadModel(
            say(
                "The adapter in {folder} is of PEFT's kind {kind}, which is not supported: LoRA and DoRA are.",
                folder=folder,
                kind=kind,
            )
        )
    init = str(peft_config.get("init_lora_weights", "")).lower()
    way = next((way for way in _CHANGES_BASE if init.startswith(way)), None)
    if way:
        raise BadModel(
            say(
                "The PEFT adapter in {folder} was started as {way}, which changes the base model's weights too: "
                "on the plain base it would answer wrongly. Convert it in PEFT (save_pretrained with "
                "path_initial_model_for_weight_conversion), or merge it there.",
                folder=folder,
                way=way,
            )
        )
    for key, feature in (
        ("use_qalora", say("pooled inputs (QA-LoRA)")),
        ("alora_invocation_tokens", say("an activation by tokens (aLoRA)")),
        ("trainable_token_indices", say("trained single tokens")),
        ("target_parameters", say("adapters on bare parameters")),
        ("layer_replication", say("replicated layers")),
        ("arrow_config", say("a routing between adapters (Arrow)")),
        ("use_bdlora", say("matrices in blocks (BD-LoRA)")),
        ("kasa_config", say("singular values of its own (KaSA)")),
        ("monteclora_config", say("weights drawn by chance (MonteCLoRA)")),
    ):
        if peft_config.get(key):
            raise BadModel(
                say(
                    "The PEFT adapter in {folder} has {feature} ({key}), which is not supported.",
                    folder=folder,
                    feature=feature,
                    key=key,
                )
            )
    if peft_config.get("bias", "none") != "none":
        raise BadModel(say("The PEFT adapter in {folder} trains biases, which is not supported.", folder=folder))


def _convert_config(folder: Path, peft_config: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """PEFT's adapter_config.json in mlx-lm's terms, for layers of these names. Raises BadModel where it is broken."""
    rslora = bool(peft_config.get("use_rslora"))
    try:
        layers = rank_pattern.from_peft(peft_config, names, rslora=rslora)
        common = rank_pattern.common_rank_scale(layers)
        alpha = float(peft_config["lora_alpha"])
        dropout = float(peft_config.get("lora_dropout") or 0.0)
    except (KeyError, TypeError, ValueError, OverflowError, ZeroDivisionError, re.error):
        raise BadModel(
            say("The PEFT adapter in {folder} does not say its rank and alpha, or not as PEFT does.", folder=folder)
        ) from None
    return {
        "model": peft_config.get("base_model_name_or_path"),
        "fine_tune_type": "dora" if peft_config.get("use_dora") else "lora",
        "lora_parameters": {**common._asdict(), "dropout": dropout},
        "lora_alpha": alpha,
        "use_rslora": rslora,
        **rank_pattern.describe_exceptions(layers),
    }


def _is_untied(peft_config: dict[str, Any], names: set[str], layers: set[str]) -> bool:
    """Whether an adapter of PEFT trained the embeddings without the output layer that they are too, in some models:
    unless it is told to keep the two tied, PEFT copies the embeddings before it trains them."""
    if peft_config.get("ensure_weight_tying"):
        return False
    embeddings = {name for name in names if name.rpartition(".")[2] in OUTSIDE_BLOCKS["embeddings"]}
    return any(name in layers or _is_named(name, peft_config) for name in embeddings)


def _rename_tensors(folder: Path, weights: dict[str, mx.array], peft_config: dict[str, Any]) -> dict[str, mx.array]:
    """PEFT's tensors under mlx-lm's names and in its orientation. Raises BadModel for others than LoRA's and DoRA's,
    and those of modules that are held whole."""
    tensors = {}
    for key, value in weights.items():
        name = key.removeprefix(PREFIX)
        if name.endswith(BASE_LAYER) or _ORIGINAL_MARK in name:
            continue
        suffix = next((suffix for suffix in _PEFT_NAMES if name.endswith(f".{suffix}")), None)
        if suffix is not None:
            tensor_name, transposed = _PEFT_NAMES[suffix]
            tensors[f"{name.removesuffix(suffix)}{tensor_name}"] = value.T if transposed else value.reshape(-1)
            continue
        for mark in _WHOLE_MARKS:
            name = name.replace(mark, ".")
        if not _is_whole(name, peft_config):
            raise BadModel(
                say(
                    "The PEFT adapter in {folder} holds {key}, which is no part of a LoRA or DoRA adapter.",
                    folder=folder,
                    key=key,
                )
            )
        tensors[name] = value
    return _without_tied_head(tensors) if peft_config.get("ensure_weight_tying") else tensors


def _is_whole(name: str, peft_config: dict[str, Any]) -> bool:
    """Whether a tensor belongs to a module that modules_to_save names, or to the embeddings or the output layer, which
    PEFT also saves where the vocabulary was resized."""
    module = name.rpartition(".")[0]
    outside = (*OUTSIDE_BLOCKS["embeddings"], *OUTSIDE_BLOCKS["head"])
    return module.rpartition(".")[2] in outside or _is_named(module, peft_config)


def _is_named(module: str, peft_config: dict[str, Any]) -> bool:
    """Whether modules_to_save has the end of a module's name, or of that of a module around it."""
    parts, saved = module.split("."), tuple(map(str, peft_config.get(SAVED_MODULES) or ()))
    return any(".".join(parts[:i]).endswith(saved) for i in range(1, len(parts) + 1))


def _without_tied_head(tensors: dict[str, mx.array]) -> dict[str, mx.array]:
    """The tensors without the output layer's where they are those of the embeddings, to which PEFT kept it tied."""
    by_part: dict[str, dict[str, mx.array]] = {"embeddings": {}, "head": {}}
    for key, value in tensors.items():
        name, _, tensor_name = key.rpartition(".")
        for part, names in OUTSIDE_BLOCKS.items():
            if name.rpartition(".")[2] in names:
                by_part[part][tensor_name] = value
    head, embeddings = by_part["head"], by_part["embeddings"]
    twins = {"lora_a": "lora_b", "lora_b": "lora_a"}  # an embedding is its output layer, transposed
    for tensor_name, value in head.items():
        twin = embeddings.get(twins.get(tensor_name, tensor_name))
        if twin is None or not _equal(value.T if tensor_name in twins else value, twin):
            return tensors
    return {key: v for key, v in tensors.items() if key.split(".")[-2] not in OUTSIDE_BLOCKS["head"]}


def _equal(first: mx.array, second: mx.array) -> bool:
    return first.shape == second.shape and bool(mx.array_equal(first, second))
