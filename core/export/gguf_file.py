"""Write a model folder as one GGUF file, for llama.cpp and what is built on it, and read it again to check it.

Names, numbers and quantizers are those of the `gguf` package; what the families need besides stands in
core.export.gguf_families.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import mlx.core as mx
import numpy as np
from numpy.typing import NDArray

from core.data.tokenize.end_of_turn import find_end_of_turn
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel, BadOption
from core.events import Event, Phase, Warned
from core.export.gguf_families import Config, GgufFamily, common_sizes, find_gguf_family
from core.export.gguf_tokenizer import describe_tokenizer, safe_name
from core.model.check_folder import read_config
from core.model.weight_files import read_header, weight_files
from core.text.sentence import say

Array = NDArray[Any]

# Kinds of files: how the matrices are stored. Norms, biases and tensors of one row stay in float32.
KINDS: dict[str, tuple[gguf.GGMLQuantizationType, gguf.LlamaFileType]] = {
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
_PHASES = 10  # that tell how far the writing is
_BLOCK = 32  # weights that share a scale in Q8_0
# Largest difference of a tensor read again from the one written, as a norm relative to its size.
_TOLERANCE = {"f16": 1e-3, "bf16": 5e-3, "q8_0": 1e-2}


def write_gguf(folder: Path, file: Path, kind: str = "f16", name: str = "") -> Iterator[Event]:
    """Write the model of a folder in Hugging Face's layout as a GGUF file.

    Arguments:
        folder: has config.json, model*.safetensors and the tokenizer; its weights are not packed.
        file: to write; it should be a temporary one until the events have ended.
        kind: one of KINDS.
        name: what other programs call the model; "" for the folder's name.

    Yields Phase events, and a Warned for each limit of the form. Raises BadModel with the reason where llama.cpp would
    not give the same tokens or logits, or where what was written is not what was meant.
    """
    if kind not in KINDS:
        raise BadOption(
            say("There is no kind of GGUF file {kind!r}; there are {kinds}.", kind=kind, kinds=", ".join(KINDS))
        )
    config = read_config(folder)
    family = find_gguf_family(config)
    names = _tensor_names(folder, config, family)
    writer = gguf.GGUFWriter(file, family.arch)
    try:
        yield from _add_settings(writer, folder, config, family, kind, name or folder.name)
        _add_tensors(writer, folder, names, kind)
        for name, tensor in family.extra_tensors(config).items():
            writer.add_tensor_info(name, tensor.shape, tensor.dtype, tensor.nbytes)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        often = max(1, len(names) // _PHASES)
        for done, tensor in enumerate(_tensors(folder, config, family, names), 1):
            writer.write_tensor_data(_store(tensor, kind))
            if done % often == 0:
                detail = say("{done:,} of {total:,} tensors", done=done, total=len(names))
                yield Phase("Writing GGUF", detail, done / len(names))
        for tensor in family.extra_tensors(config).values():
            writer.write_tensor_data(tensor)
    finally:
        writer.close()
    yield Phase("Checking", file.name)
    _check(file, folder, config, family, names, kind)


def _tensor_names(folder: Path, config: Config, family: GgufFamily) -> dict[str, str]:
    """{name in the folder: name in GGUF} of every tensor, in the files' order. Raises BadModel where one has none."""
    arch = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == family.arch)
    table = gguf.get_tensor_name_map(arch, config["num_hidden_layers"])
    names = {}
    for path in weight_files(folder):
        for name in read_header(path):
            found = table.get_name(name, try_suffixes=(".weight", ".bias"))
            if found is None:
                raise BadModel(
                    say(
                        "{folder}: GGUF has no name for the tensor {name} of {model_type}.",
                        folder=folder,
                        name=name[:80],
                        model_type=config["model_type"],
                    )
                )
            names[name] = found
    if config.get("tie_word_embeddings"):
        names.pop("lm_head.weight", None)
    return names


def _tensors(folder: Path, config: Config, family: GgufFamily, names: dict[str, str]) -> Iterator[Array]:
    """The tensors in float32 as llama.cpp wants them, in the order of `names`, one at a time."""
    for path in weight_files(folder):
        arrays = mx.load(str(path))
        for name in read_header(path):
            if name in names:
                tensor = np.array(arrays.pop(name).astype(mx.float32))
                yield np.ascontiguousarray(family.change(name, tensor, config), dtype=np.float32)


def _add_tensors(writer: gguf.GGUFWriter, folder: Path, names: dict[str, str], kind: str) -> None:
    """Announce every tensor with its shape and type."""
    shapes = {name: info.shape for path in weight_files(folder) for name, info in read_header(path).items()}
    for name, target in names.items():
        shape, stored = shapes[name], _stored_type(shapes[name], kind)
        if stored == gguf.GGMLQuantizationType.F32:
            writer.add_tensor_info(target, shape, np.dtype(np.float32), int(np.prod(shape)) * 4)
        elif stored == gguf.GGMLQuantizationType.F16:
            writer.add_tensor_info(target, shape, np.dtype(np.float16), int(np.prod(shape)) * 2)
        else:
            bytes_shape = gguf.quant_shape_to_byte_shape(shape, stored)
            size = int(np.prod(bytes_shape))
            writer.add_tensor_info(target, bytes_shape, np.dtype(np.uint8), size, raw_dtype=stored)


def _stored_type(shape: tuple[int, ...], kind: str) -> gguf.GGMLQuantizationType:
    if len(shape) < 2:
        return gguf.GGMLQuantizationType.F32
    if kind == "q8_0" and shape[-1] % _BLOCK:
        return gguf.GGMLQuantizationType.F16
    return KINDS[kind][0]


def _store(tensor: Array, kind: str) -> Array:
    stored = _stored_type(tensor.shape, kind)
    if stored == gguf.GGMLQuantizationType.F32:
        return tensor
    if stored == gguf.GGMLQuantizationType.F16:
        return tensor.astype(np.float16)
    return np.asarray(gguf.quantize(tensor, stored))


def _add_settings(
    writer: gguf.GGUFWriter, folder: Path, config: Config, family: GgufFamily, kind: str, name: str
) -> Iterator[Event]:
    writer.add_type(gguf.GGUFType.MODEL)
    for key, value in (common_sizes(config) | family.extra_sizes(config)).items():
        add = writer.add_float32 if isinstance(value, float) else writer.add_uint32
        if isinstance(value, str):
            writer.add_string(f"{family.arch}.{key}", value)
        else:
            add(f"{family.arch}.{key}", value)
    writer.add_file_type(KINDS[kind][1])
    if kind == "q8_0":
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    tokenizer = load_tokenizer(folder)
    vocabulary = describe_tokenizer(folder, config["vocab_size"], tokenizer)
    writer.add_name(safe_name(name, vocabulary))
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
    if vocabulary.merges is not None:
        writer.add_token_merges(vocabulary.merges)
    if vocabulary.add_space_prefix is not None:
        writer.add_add_space_prefix(vocabulary.add_space_prefix)
    writer.add_add_bos_token(vocabulary.add_bos)
    _add_special_tokens(writer, tokenizer)
    if tokenizer.chat_template:
        writer.add_chat_template(str(tokenizer.chat_template))
    for note in vocabulary.notes:
        yield Warned("gguf", note)


def _add_special_tokens(writer: gguf.GGUFWriter, tokenizer: Any) -> None:
    """The ids of the special tokens. Where a turn ends with another token than a text, both end an answer."""
    for id, add in (
        (tokenizer.bos_token_id, writer.add_bos_token_id),
        (tokenizer.unk_token_id, writer.add_unk_token_id),
        (tokenizer.pad_token_id, writer.add_pad_token_id),
    ):
        if id is not None:
            add(id)
    stops = find_end_of_turn(tokenizer).stops
    if stops:
        writer.add_eos_token_id(stops[0])
        writer.add_eot_token_id(stops[0])
    if len(stops) > 1:
        writer.add_eom_token_id(stops[1])


def _check(file: Path, folder: Path, config: Config, family: GgufFamily, names: dict[str, str], kind: str) -> None:
    """Read the file again and compare each tensor with the model's. Raises BadModel."""
    stored = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
    missing = sorted(set(names.values()) - set(stored))
    if missing:
        raise BadModel(say("{name} would lack {tensor}; it is not kept.", name=file.name, tensor=missing[0]))
    for name, expected in zip(names, _tensors(folder, config, family, names), strict=True):
        tensor = stored[names[name]]
        found = gguf.dequantize(tensor.data, tensor.tensor_type).reshape(expected.shape)
        size = float(np.linalg.norm(expected))
        difference = float(np.linalg.norm(found - expected))
        if not difference <= _TOLERANCE[kind] * size:
            raise BadModel(
                say(
                    "{name} would hold another {what} than the model has; it is not kept.",
                    name=file.name,
                    what=names[name],
                )
            )
