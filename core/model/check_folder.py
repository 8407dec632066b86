"""A model folder is checked before a library builds anything of it: its files, the sizes it names, and their kinds.

A folder comes from a stranger, and libraries take it at its word: they divide by the number of heads, and make as many
layers as it says. Needs no MLX.
"""

import re
from pathlib import Path
from typing import Any

from core.errors import BadModel
from core.files.json_file import read_json
from core.model.weight_files import TensorInfo, explain_missing, find_missing_files, read_header, weight_files
from core.text.sentence import say

# The least and the largest that a size may be; the largest are several times those of any model there is.
_SIZES = {
    "vocab_size": (1, 1 << 24), "hidden_size": (1, 1 << 20), "intermediate_size": (0, 1 << 22),
    "moe_intermediate_size": (0, 1 << 22), "num_hidden_layers": (1, 2000), "num_attention_heads": (1, 1 << 14),
    "num_key_value_heads": (1, 1 << 14), "head_dim": (1, 1 << 14), "max_position_embeddings": (1, 1 << 40),
    "num_experts": (0, 1 << 14), "num_local_experts": (0, 1 << 14), "n_routed_experts": (0, 1 << 14),
    "num_experts_per_tok": (0, 1 << 14),
}  # fmt: skip
_TABLES = ("text_config", "rope_scaling", "rope_parameters", "quantization", "quantization_config")
_BLOCK = re.compile(r"(?:^|\.)(?:layers|blocks|h)\.(\d{1,6})\.")
# Ways to pack weights, and the ends of the names that packed weights have.
_WHOLE = ("BOOL", "I16", "U16", "I32", "I64", "U64")  # packed weights are I8, U8 and U32, or have other names
_PACKED_NAMES = {"gptq": (".qweight",), "awq": (".qweight",)}


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder. Raises BadModel when it is missing or broken, or names impossible sizes."""
    path = folder / "config.json"
    try:
        config = read_json(path)
    except FileNotFoundError:
        raise BadModel(say("{folder} is no model folder: it has no config.json.", folder=folder)) from None
    if not isinstance(config.get("model_type"), str):
        raise BadModel(say("{path} does not name a model_type.", path=path))
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,80}", config["model_type"]):
        raise BadModel(
            say(
                "{path} names a model_type that none can have: {model_type!r}.",
                path=path,
                model_type=config["model_type"][:80],
            )
        )
    _check_sizes(config, path)
    return config


def check_weights(folder: Path, config: dict[str, Any]) -> None:
    """Raises BadModel where the weights of a folder are missing, cut off, there twice, or not as `config` says.

    `config` is what read_config(folder) gave.
    """
    missing = [name for name in find_missing_files(folder) if name != "config.json"]
    if missing:
        raise BadModel(explain_missing(folder, missing))
    if (generation := folder / "generation_config.json").exists():  # mlx-lm and the end of an answer read it too
        read_json(generation)
    tensors: dict[str, TensorInfo] = {}
    owners: dict[str, Path] = {}
    for path in weight_files(folder):
        header = read_header(path)
        if whole := next((n for n, info in header.items() if n.endswith(".weight") and info.dtype in _WHOLE), None):
            raise BadModel(
                say(
                    "{path} holds {tensor} as {dtype}: a model has no such weights.",
                    path=path,
                    tensor=whole[:80],
                    dtype=header[whole].dtype,
                )
            )
        if twice := next((name for name in header if name in tensors), None):
            raise BadModel(
                say(
                    "{folder} holds its weights twice: {first} and {second} both have {tensor}; remove the files that "
                    "are not the model's.",
                    folder=folder,
                    first=owners[twice].name,
                    second=path.name,
                    tensor=twice[:80],
                )
            )
        tensors |= header
        owners |= dict.fromkeys(header, path)
    _check_layers(config, tensors, folder)
    _check_packing(config, tensors, folder)


def _check_sizes(config: dict[str, Any], path: Path) -> None:
    for key in _TABLES:
        if not isinstance(config.get(key), dict | None):
            raise BadModel(
                say("{path}: {key} is {value}, and has to be a table.", path=path, key=key, value=_short(config[key]))
            )
    for key, (least, largest) in _SIZES.items():
        value = config.get(key)
        if value is None or isinstance(value, list | dict):  # a size for each layer
            continue
        if type(value) is not int or not least <= value <= largest:
            raise BadModel(
                say(
                    "{path}: {key} is {value}, and has to be a whole number from {least} to {largest}.",
                    path=path,
                    key=key,
                    value=_short(value),
                    least=least,
                    largest=largest,
                )
            )
    if isinstance(config.get("text_config"), dict):
        _check_sizes(config["text_config"], path)


def _check_layers(config: dict[str, Any], tensors: dict[str, TensorInfo], folder: Path) -> None:
    """Raises BadModel where the config asks for many times the layers that the files hold."""
    count = (config.get("text_config") or config).get("num_hidden_layers")
    numbers = [int(match[1]) for name in tensors if (match := _BLOCK.search(name))]
    if isinstance(count, int) and numbers and count > 4 * (max(numbers) + 1):
        raise BadModel(
            say(
                "{folder}/config.json asks for {count} layers, and the weights hold {actual}.",
                folder=folder,
                count=count,
                actual=max(numbers) + 1,
            )
        )


def _check_packing(config: dict[str, Any], tensors: dict[str, TensorInfo], folder: Path) -> None:
    """Raises BadModel where the config says that weights are packed which are not."""
    method = (config.get("quantization_config") or {}).get("quant_method")
    ends = _PACKED_NAMES.get(method) if isinstance(method, str) else None
    if ends and not any(name.endswith(ends) for name in tensors):
        raise BadModel(
            say(
                "{folder}/config.json says that the weights are packed as {method}, but they are not: take "
                "quantization_config out of it.",
                folder=folder,
                method=method,
            )
        )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
