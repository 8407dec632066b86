"""What a model's files say without loading it: size, parameters, architecture. No Qt."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.desktop.machine import format_bytes
from core.errors import BadModel
from core.json_file import read_json
from core.model.weight_files import read_header, weight_files
from core.quant.modes import MODES

_LONGEST_NUMBER = 40  # digits: a tokenizer's config may hold 10 to the power of 30


@dataclass(frozen=True)
class ModelFacts:
    """A model on this computer. `path` goes into model.path of a run; `parameters` is None where it is not known."""

    path: str
    name: str
    size: int  # bytes on disk
    parameters: int | None
    architecture: str
    chat_template: bool
    quantized: str = ""  # such as "4 bit affine", "" for a model in full precision

    def sentence(self) -> str:
        """Size, parameters, architecture, quantization and chat template in one line."""
        parts = [format_bytes(self.size)]
        if self.parameters:
            parts.append(f"{format_count(self.parameters)} parameters")
        parts += [self.architecture or "unknown architecture"]
        if self.quantized:
            parts.append(self.quantized)
        parts.append("chat template" if self.chat_template else "no chat template")
        return " · ".join(parts)


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
    weights = weight_files(folder)
    template = bool(_read_json(folder / "tokenizer_config.json").get("chat_template"))
    return ModelFacts(
        path=path or str(folder),
        name=name or folder.name,
        size=sum(file.stat().st_size for file in weights),
        parameters=None if packing else _count_parameters(weights),
        architecture=str(config.get("model_type", "")),
        chat_template=template or any(folder.glob("chat_template.*")),
        quantized=packing,
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


def list_downloaded() -> list[ModelFacts]:
    """The models in the Hugging Face cache that have a config and weights, the most recently used first."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir().repos
    except CacheNotFound:
        return []
    models = []
    for repo in sorted(repos, key=lambda r: -r.last_accessed):
        if repo.repo_type != "model" or not repo.revisions:
            continue
        folder = max(repo.revisions, key=lambda r: r.last_modified).snapshot_path
        if (folder / "config.json").is_file() and weight_files(folder):
            models.append(read_model_facts(folder, repo.repo_id, repo.repo_id))
    return models


def _count_parameters(weights: list[Path]) -> int | None:
    """How many parameters the safetensors files hold, from their headers alone; None where one cannot be read."""
    try:
        return sum(math.prod(tensor.shape) for file in weights for tensor in read_header(file).values()) or None
    except (BadModel, OSError):
        return None


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return read_json(file, longest_number=_LONGEST_NUMBER)
    except (BadModel, FileNotFoundError):
        return {}
