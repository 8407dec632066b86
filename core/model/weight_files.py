"""The weight files of a model folder: which they are, and what their headers say. Needs no MLX.

The headers are read here before any library sees them: they name every tensor with its type, its shape and its place
in the file, and a file from a stranger may say anything there.
"""

import math
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import BadModel
from core.files.json_file import parse_object, read_json, refuse_pointer
from core.text.sentence import say

PATTERN = "model*.safetensors"  # what mlx-lm reads
INDEX = "model.safetensors.index.json"
LARGEST_HEADER = 64 << 20  # bytes; a million tensors
_SHARD = re.compile(r"(.*-)(\d+)(-of-)(\d+)\.safetensors")
# Files of weights that are Python pickles: to read one is to run what it says.
_PICKLED = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "model*.bin")
# Bits of a number, by the names that safetensors has for its types.
BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
        "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64}  # fmt: skip


class TensorInfo(NamedTuple):
    """What a header says of a tensor."""

    dtype: str  # as safetensors names it
    shape: tuple[int, ...]


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a model's weights, by name."""
    return sorted(folder.glob(PATTERN))


def find_missing_files(folder: Path) -> list[str]:
    """The files that a model folder lacks: config.json, weights, or shards; empty when it is complete.

    An index of files that are all gone, beside weights in one file, is left over from before they were joined.
    Raises BadModel for an index that is none.
    """
    missing = [] if (folder / "config.json").is_file() else ["config.json"]
    names = {file.name for file in weight_files(folder)}
    expected = set(_read_index(folder).values()) if (folder / INDEX).is_file() else set[str]()
    for name in names:
        if match := _SHARD.fullmatch(name):
            stem, number, of, count = match.groups()
            numbers = range(1, int(count) + 1) if len(count) <= 5 else ()
            expected |= {f"{stem}{i:0{len(number)}}{of}{count}.safetensors" for i in numbers}
    if "model.safetensors" in names and not expected & names:
        return missing
    if not names and not expected:
        expected = {"model.safetensors"}
    return missing + sorted(name for name in expected if not (folder / name).is_file())


def explain_missing(folder: Path, missing: list[str]) -> str:
    """Why a folder that lacks these files cannot be used, in one sentence."""
    pickled = next((f.name for pattern in _PICKLED for f in sorted(folder.glob(pattern))), None)
    if missing == ["model.safetensors"] and pickled:
        return say(
            "{folder} has its weights pickled only ({pickled}): to read such a file is to run what it says; "
            "take the model in safetensors, or convert it with transformers (save_pretrained).",
            folder=folder,
            pickled=pickled,
        )
    gguf = next((f.name for f in sorted(folder.glob("*.gguf"))), None)
    if missing == ["model.safetensors"] and gguf:
        return say(
            "{folder} is in llama.cpp's format ({gguf}), which cannot be trained; take the original model.",
            folder=folder,
            gguf=gguf,
        )
    named, more = ", ".join(missing[:3]), len(missing) - 3
    if more > 0:
        words = say("{missing} and {count} more are missing", missing=named, count=more)
    elif len(missing) > 1:
        words = say("{missing} are missing", missing=named)
    else:
        words = say("{missing} is missing", missing=named)
    return say("{folder} has no complete weights: {missing}.", folder=folder, missing=words)


def read_header(path: Path) -> dict[str, TensorInfo]:
    """The tensors of a safetensors file by name. Raises BadModel where the header or the file's size is not right."""
    return _check_tensors(*_read_header(path), path)


def read_tensor_bytes(path: Path, name: str, size: int = 1 << 22) -> Iterator[bytes]:
    """The bytes of a tensor of a safetensors file, in blocks of `size`. Raises BadModel."""
    header, behind = _read_header(path)
    _check_tensors(header, behind, path)
    start, stop = header[name]["data_offsets"]
    with path.open("rb") as file:
        file.seek(path.stat().st_size - behind + start)
        for begin in range(start, stop, size):
            yield file.read(min(size, stop - begin))


def _read_index(folder: Path) -> dict[str, str]:
    """{name of a tensor: name of its file} of a folder's index. Raises BadModel where it is none."""
    path = folder / INDEX
    weight_map = read_json(path).get("weight_map")
    if not isinstance(weight_map, dict) or not all(_is_file_name(name) for name in weight_map.values()):
        raise BadModel(say("{path} is not a valid index of weight files.", path=path))
    return weight_map


def _is_file_name(name: object) -> bool:
    return isinstance(name, str) and name.endswith(".safetensors") and len(name) < 256 and not set(name) & set("/\\\0")


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """(the header, bytes of the file behind it)."""
    try:
        with path.open("rb") as file:
            total = os.fstat(file.fileno()).st_size
            begin = file.read(8)
            size = struct.unpack("<Q", begin)[0] if len(begin) == 8 else 0
            # The first letters of other files, read as a length, are more than any header's.
            header = file.read(size) if size <= min(LARGEST_HEADER, total) else begin + file.read(32)
    except OSError as error:
        raise BadModel(say("{path} cannot be read: {reason}.", path=path, reason=error)) from None
    if total == 0:
        raise BadModel(say("{path} is empty; the download may be incomplete.", path=path))
    refuse_pointer(header, path)
    if header.startswith((b"PK\x03\x04", b"\x80\x02")):
        raise BadModel(
            say("{path} is pickled, not safetensors: to read such a file is to run what it says.", path=path)
        )
    if size < 2 or size > LARGEST_HEADER:
        raise BadModel(say("{path} is no safetensors file.", path=path))
    if len(header) < size:
        raise BadModel(say("{path} is cut off: the download may be incomplete.", path=path))
    return parse_object(header, path), total - 8 - size


def _check_tensors(header: dict[str, Any], size: int, path: Path) -> dict[str, TensorInfo]:
    """The tensors in a header of a file with `size` bytes of numbers. Raises BadModel."""
    tensors, end = {}, 0
    for name, value in header.items():
        if name == "__metadata__":
            continue
        try:
            dtype, shape, (start, stop) = value["dtype"], tuple(value["shape"]), value["data_offsets"]
            numbers = (*shape, start, stop)
            is_right = len(shape) <= 8 and all(type(n) is int and n >= 0 for n in numbers)
            is_right = is_right and 8 * (stop - start) == BITS[dtype] * math.prod(shape)
        except (KeyError, TypeError, ValueError):
            is_right = False
        if not is_right:
            raise BadModel(
                say(
                    "{path} is damaged: its header does not describe the tensor {name!r} rightly.",
                    path=path,
                    name=name[:80],
                )
            )
        tensors[name], end = TensorInfo(dtype, shape), max(end, stop)
    if end > size:
        raise BadModel(
            say(
                "{path} is cut off: it holds {size:,.1f} of {expected:,.1f} MB; the download may be incomplete.",
                path=path,
                size=size / 1e6,
                expected=end / 1e6,
            )
        )
    return tensors
