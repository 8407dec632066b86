"""A table of model folders as people bring them: what is done to a good one, and the sentence that is said; "" where it
is loaded all the same."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n"
WEIGHTS, INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"
Change = Callable[[Path], object]


def write(name: str, content: bytes | str | dict[str, Any]) -> Change:
    """Put a file into the folder, or in the place of one."""
    if isinstance(content, dict):
        content = json.dumps(content)
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / name).write_bytes(data)


def config(**values: Any) -> Change:
    return lambda folder: (folder / CONFIG).write_text(json.dumps(json.loads((folder / CONFIG).read_text()) | values))


def header(text: str | bytes, size: int | None = None, behind: int = 8) -> Change:
    """A safetensors file with this header, which says that it is `size` bytes long, and some bytes behind it."""
    data = text if isinstance(text, bytes) else text.encode()
    return write(WEIGHTS, struct.pack("<Q", len(data) if size is None else size) + data + bytes(behind))


def tensor(**changes: Any) -> Change:
    return header(json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes}))


def index(**weight_map: Any) -> Change:
    return write(INDEX, {"weight_map": weight_map})


def cut(name: str, size: int) -> Change:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:size])


def copied_as(*names: str, keep: bool = True) -> Change:
    """The weights under other names too, or only."""

    def change(folder: Path) -> None:
        for name in names:
            (folder / name).write_bytes((folder / WEIGHTS).read_bytes())
        if not keep:
            (folder / WEIGHTS).unlink()

    return change


def weights(change: Callable[[dict[str, mx.array]], dict[str, mx.array]]) -> Change:
    def rewrite(folder: Path) -> None:
        tensors = {name: value + 0 for name, value in mx.load(str(folder / WEIGHTS)).items()}
        mx.save_safetensors(str(folder / WEIGHTS), change(tensors))

    return rewrite


def only(name: str, content: bytes = b"") -> Change:
    """This file in the place of the weights."""

    def change(folder: Path) -> None:
        (folder / WEIGHTS).unlink()
        (folder / name).write_bytes(content)

    return change


SHARD = "model-0000{}-of-00002.safetensors"
FOLDERS: dict[str, tuple[Change, str]] = {
    # files that hold the weights
    "empty file": (write(WEIGHTS, b""), "model.safetensors is empty; the download may be incomplete"),
    "seven bytes": (write(WEIGHTS, b"1234567"), "model.safetensors is no safetensors file"),
    "pointer of Git LFS": (write(WEIGHTS, LFS), "model.safetensors is a Git LFS pointer, not the file itself"),
    "config is a pointer": (write(CONFIG, LFS), "config.json is a Git LFS pointer, not the file itself"),
    "header cut": (cut(WEIGHTS, 100), "model.safetensors is cut off: the download may be incomplete"),
    "numbers cut": (cut(WEIGHTS, 30_000), "model.safetensors is cut off: it holds"),
    "header of 2 GB": (header("{}", size=2 << 30), "model.safetensors is no safetensors file"),
    "header no JSON": (header("{nothing"), "model.safetensors cannot be read as JSON"),
    "header a list": (header("[]"), "model.safetensors does not hold a JSON object"),
    "header nested": (header('{"a":' * 100_000), "model.safetensors cannot be read as JSON: it is nested too deeply"),
    "header no text": (header(b"\xff\xfe{}"), "cannot be read as JSON: line 1, column 1: it is no text in UTF-8"),
    "tensor a number": (header('{"w": 5}'), "its header does not describe the tensor 'w' rightly"),
    "negative shape": (tensor(shape=[-2]), "its header does not describe the tensor 'w' rightly"),
    "shape of words": (tensor(shape=["2"]), "its header does not describe the tensor 'w' rightly"),
    "vast shape": (tensor(shape=[1 << 60, 1 << 60]), "its header does not describe the tensor 'w' rightly"),
    "offsets backwards": (tensor(data_offsets=[8, 0]), "its header does not describe the tensor 'w' rightly"),
    "unknown type": (tensor(dtype="F99"), "its header does not describe the tensor 'w' rightly"),
    "offsets outside": (tensor(data_offsets=[80, 88]), "model.safetensors is cut off"),
    "pickled under the name": (write(WEIGHTS, b"PK\x03\x04" + bytes(90)), "is pickled, not safetensors"),
    "pickled only": (only("pytorch_model.bin"), r"weights pickled only \(pytorch_model.bin\): to read such a file is"),
    "pickled .pth": (only("consolidated.00.pth"), r"pickled only \(consolidated.00.pth\)"),
    "llama.cpp's": (only("model-Q4_K_M.gguf"), "is in llama.cpp's format"),
    "no weights": (only("README.md"), "has no complete weights: model.safetensors is missing"),
    "whole numbers": (weights(lambda t: {k: v.astype(mx.int32) if "q_proj" in k else v for k, v in t.items()}), "q_proj.weight as I32: a model has no such weights"),
    "two precisions": (weights(lambda t: {k: v.astype(mx.bfloat16) if "mlp" in k else v for k, v in t.items()}), ""),
    "generation a list": (write("generation_config.json", "[]"), "generation_config.json does not hold a JSON object"),
    "generation broken": (write("generation_config.json", "{"), "generation_config.json cannot be read as JSON"),
    # several of them
    "another shard set": (copied_as(SHARD.format(1), SHARD.format(2)), "holds its weights twice: model-00001-of-00002"),
    "another precision": (copied_as("model.fp16.safetensors"), "model.fp16.safetensors and model.safetensors both have"),
    "a shard missing, no index": (copied_as(SHARD.format(2), keep=False), "model-00001-of-00002.safetensors is missing"),
    "consolidated beside": (copied_as("consolidated.safetensors"), ""),
    "index of files long gone": (index(a=SHARD.format(1), b=SHARD.format(2)), ""),
    "index lacks a shard": (index(a=WEIGHTS, b=SHARD.format(2)), "model-00002-of-00002.safetensors is missing"),
    "index with numbers": (index(a=5), "index.json is not a valid index of weight files"),
    "index leads out": (index(a="../model.safetensors"), "index.json is not a valid index of weight files"),
    "index of a list": (write(INDEX, "[]"), "index.json does not hold a JSON object"),
    "index empty": (write(INDEX, ""), "index.json cannot be read as JSON"),
    "index without a map": (write(INDEX, "{}"), "index.json is not a valid index of weight files"),
    # config.json
    "a library's own module": (config(model_type="cache"), "the architecture cache is not supported"),
    "module outside": (config(model_type="../evil"), "names a model_type that none can have"),
    "type in lines": (config(model_type="a\nb"), "names a model_type that none can have"),
    "no heads": (config(num_attention_heads=0), "num_attention_heads is 0, and has to be a whole number from 1"),
    "minus one token": (config(vocab_size=-1), "vocab_size is -1"),
    "a third of a layer": (config(num_hidden_layers=0.3), "num_hidden_layers is 0.3"),
    "layers in words": (config(num_hidden_layers="two"), "num_hidden_layers is 'two'"),
    "a billion layers": (config(num_hidden_layers=10**9), "num_hidden_layers is 1000000000"),
    "a thousand layers": (config(num_hidden_layers=1000), "asks for 1000 layers, and the weights hold 2"),
    "a layer more": (config(num_hidden_layers=3), "the weights lack [0-9]+ tensors, such as model.layers.2"),
    "a layer less": (config(num_hidden_layers=1), "the model has no place for [0-9]+ tensors, such as model.layers.1"),
    "a vast number": (write(CONFIG, '{"model_type": "qwen3", "vocab_size": ' + "9" * 5000 + "}"), "is too long"),
    "a vast width": (config(hidden_size=1 << 60), "hidden_size is 1152921504606846976"),
    "no width of the MLP": (config(intermediate_size=0), "cannot be loaded: ZeroDivisionError: float division by zero"),
    "text_config a number": (config(text_config=5), "text_config is 5, and has to be a table"),
    "no heads in text_config": (config(text_config={"num_attention_heads": 0}), "num_attention_heads is 0"),
    "said to be GPTQ": (config(quantization_config={"quant_method": "gptq", "bits": 4}), "are packed as gptq, but they"),
    "said to be AWQ": (config(quantization_config={"quant_method": "awq", "bits": 4}), "are packed as awq, but they"),
    "packing a word": (config(quantization_config="gptq"), "quantization_config is 'gptq', and has to be a table"),
    "packing without its way": (config(quantization_config={"bits": 4}), "cannot be loaded: KeyError"),
    "packing half said": (config(quantization={"bits": 4}), "cannot be loaded: KeyError"),
    "rotary of a word": (config(rope_scaling="yarn"), "rope_scaling is 'yarn', and has to be a table"),
    "rotary unknown": (config(rope_scaling={"rope_type": "mine", "factor": 2.0}), "cannot be loaded: Unsupported RoPE type"),
    "other vocabulary": (config(vocab_size=100), "cannot be loaded: Expected shape"),
    "config nested": (write(CONFIG, '{"a":' * 100_000), "config.json cannot be read as JSON: it is nested too deeply"),
    "config with a mark": (lambda folder: (folder / CONFIG).write_bytes(b"\xef\xbb\xbf" + (folder / CONFIG).read_bytes()), "cannot be read as JSON: line 1, column 1: it begins with"),
    "config a list": (write(CONFIG, "[]"), "config.json does not hold a JSON object"),
}  # fmt: skip
