"""What a model's files say without loading it: size, parameters, architecture, licence. Needs no MLX."""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import BadModel
from core.files.json_file import read_json
from core.model.weight_files import read_header, weight_files
from core.quant.modes import MODES

_LONGEST_NUMBER = 40  # digits: a tokenizer's config may hold 10 to the power of 30
CARD = "README.md"  # of a model on the Hub; its first lines are YAML
_CARD_LIMIT = 64 << 10  # bytes of a card that are looked at
_LICENSE = re.compile(r"^license(_name)?:[ \t]*[\"']?([\w.+-]{1,60})", re.MULTILINE)


@dataclass(frozen=True)
class ModelFacts:
    """A model on this computer. `path` goes into model.path of a run; `parameters` is None where it is not known."""

    path: str
    name: str
    size: int  # bytes of its weights on disk
    parameters: int | None
    architecture: str
    chat_template: bool
    quantized: str = ""  # such as "4 bit affine", "" for a model in full precision
    license: str = ""  # as its card names it, "apache-2.0"; "" where it names none


def format_count(number: int) -> str:
    """A number of parameters as it is said of models: 1.7 M, 0.6 B."""
    if number >= 10**8:
        return f"{number / 1e9:.1f} B"
    return f"{number / 1e6:.1f} M" if number >= 10**5 else f"{number:,}"


def read_model_facts(folder: Path, path: str = "", name: str = "") -> ModelFacts:
    """Read a model folder. Missing or broken files leave gaps; nothing is raised.

    `path` and `name` are what a run and the window call the model; the folder and its name by default.
    """
    config = _read_json(folder / "config.json")
    packing = describe_packing(config)
    weights = [file for file in weight_files(folder) if file.is_file()]
    template = bool(_read_json(folder / "tokenizer_config.json").get("chat_template"))
    return ModelFacts(
        path=path or str(folder),
        name=name or folder.name,
        size=sum(file.stat().st_size for file in weights),
        parameters=None if packing else _count_parameters(weights),
        architecture=str(config.get("model_type") or ""),
        chat_template=template or any(folder.glob("chat_template.*")),
        quantized=packing,
        license=read_license(folder),
    )


def describe_packing(config: dict[str, Any]) -> str:
    """How a model's own weights are quantized, from its config.json; "" for full precision."""
    quantization = config.get("quantization") or config.get("quantization_config")
    if not isinstance(quantization, dict):
        return ""
    bits = quantization.get("bits") or (4 if quantization.get("load_in_4bit") else None)
    if "quant_method" in quantization:
        method = str(quantization["quant_method"])
        return f"{bits} bit {method}" if bits else method
    name = quantization.get("mode", "affine")
    mode = MODES.get(str(name)) or MODES.get(f"{name}-{bits}")
    return mode.title if mode else f"{bits} bit" if bits else ""


def read_license(folder: Path) -> str:
    """The licence that the model's card names, or ""."""
    try:
        with (folder / CARD).open(encoding="utf-8", errors="replace") as file:
            text = file.read(_CARD_LIMIT)
    except OSError:
        return ""
    head = text.split("\n---", 1)[0] if text.startswith("---") else ""
    names = {bool(match[1]): match[2] for match in _LICENSE.finditer(head)}
    return names.get(True) or names.get(False, "")  # license: other goes with a name of its own


def _count_parameters(weights: list[Path]) -> int | None:
    """How many parameters the safetensors files hold, from their headers alone; None where one cannot be read."""
    try:
        total = sum(math.prod(tensor.shape) for file in weights for tensor in read_header(file).values())
    except (BadModel, OSError):
        return None
    return total or None


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return read_json(file, longest_number=_LONGEST_NUMBER)
    except (OSError, BadModel):
        return {}
