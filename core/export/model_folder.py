"""Write a model folder in the Hugging Face layout: weights in shards, config.json, tokenizer; whole or not at all."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import mlx.core as mx

from core import adapters
from core.data.tokenize.end_of_turn import configured_ids
from core.errors import BadOption
from core.files.atomic_files import save_tensors
from core.files.file_errors import explain
from core.files.json_file import read_json
from core.model import hub
from core.text.sentence import say

SHARD_BYTES = 4 << 30
MORE_TEMPLATES = "additional_chat_templates"  # a folder of further templates by name, such as that for functions
# Written anew; or they describe the weights of the source: its files, and how they are packed.
NOT_COPIED = ("config.json", adapters.CONFIG, "*.index.json", "hf_quant_config.json", "quantize_config.json",
              "quant_config.json")  # fmt: skip

Tensor = Callable[[], mx.array]  # made when it is written, so that a dense model never has to fit into memory


class SizedTensor(NamedTuple):
    """A tensor to write, and its size in the file in bytes."""

    size: int
    tensor: Tensor


def free_folder(output: str | Path) -> Path:
    """The folder to write to, with ~ expanded. Raises BadOption where it exists and is not an empty folder."""
    folder = Path(output).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadOption(say("{folder} already exists; choose a new folder.", folder=folder))
    return folder


@contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """A temporary folder next to `target` to write to: renamed to it at the end, removed on an error."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with explain(target):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
        yield partial
        with explain(target):
            if target.exists():
                target.rmdir()
            partial.replace(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_weights(
    folder: Path, tensors: dict[str, SizedTensor], config: dict[str, Any], shard_bytes: int, framework: str
) -> None:
    """Write config.json and the weights, in files of at most `shard_bytes`, with an index where there are several.

    `framework` ("pt" or "mlx") goes into the metadata of each file: other programs read whose layout it is in.
    """
    shards: list[dict[str, Tensor]] = [{}]
    remaining = shard_bytes
    for name, (size, tensor) in tensors.items():
        if size > remaining and shards[-1]:
            shards.append({})
            remaining = shard_bytes
        shards[-1][name] = tensor
        remaining -= size
    weight_map: dict[str, str] = {}
    for i, shard in enumerate(shards, 1):
        file = "model.safetensors" if len(shards) == 1 else f"model-{i:05}-of-{len(shards):05}.safetensors"
        save_tensors(
            folder / file, {name: tensor() for name, tensor in shard.items()}, {"format": framework}, private=False
        )
        weight_map |= dict.fromkeys(shard, file)
        mx.clear_cache()
    if len(shards) > 1:
        total = sum(size for size, _ in tensors.values())
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
        write_json(folder / "model.safetensors.index.json", index)
    write_json(folder / "config.json", config)


def write_json(path: Path, value: Any) -> None:
    with explain(path):
        path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def eos_setting(settings: Any, stops: Sequence[int]) -> dict[str, Any]:
    """The eos_token_id that a config.json or generation_config.json needs so that other programs stop an answer where
    Hone does: the ids that it names and those of `stops`; nothing where it names them all."""
    known = configured_ids(settings)
    ids = list(dict.fromkeys([*stops, *known]))
    return {"eos_token_id": ids if len(ids) > 1 else ids[0]} if set(ids) - set(known) else {}


def name_stops(file: Path, stops: Sequence[int]) -> None:
    """Write the ids at which an answer ends into a generation_config.json, where there is one."""
    if file.is_file():
        settings = read_json(file)
        write_json(file, settings | eos_setting(settings, stops))


def copy_other_files(source: Path, folder: Path, adapter: Path | None) -> None:
    """Copy what a model folder holds besides config and weights: tokenizer, generation settings, licence.

    The chat template of `adapter` goes with them where that has one of its own.
    """
    with explain(folder):
        for pattern in (*hub.PATTERNS, "LICENSE*"):
            for file in source.glob(pattern):
                if file.is_file() and file.suffix != ".safetensors" and not any(map(file.match, NOT_COPIED)):
                    shutil.copyfile(file, folder / file.name)
        more_templates = source / MORE_TEMPLATES
        if more_templates.is_dir():
            shutil.copytree(more_templates, folder / MORE_TEMPLATES)
        template = adapters.read_chat_template(adapter) if adapter else None
        if template is not None:
            (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
