"""The tensors of a model before it is loaded: names, types and shapes, from the files' headers or from config.json.

Needs no MLX.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from core.errors import BadModel
from core.model.target_names import ROUTERS, matches_target, split_targets
from core.model.weight_files import read_header, weight_files
from core.quant.modes import MODES, UNPACKED
from core.run import Adapter

# Bytes of a number, by the names of run options and of safetensors.
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "F32": 4, "BF16": 2, "F16": 2, "U32": 4, "U8": 1, "I8": 1}
ADAPTER_FILES = ("adapters.safetensors", "adapter_model.safetensors")  # mlx-lm's and PEFT's, as in core.adapters
PACKED_TYPES = ("U32", "U8", "I8")

Shape = tuple[int, ...]
Tensors = dict[str, tuple[str, Shape]]  # name → (type as safetensors has it, shape)


def read_headers(folder: Path) -> Tensors:
    """Every tensor of a model folder, by the headers of its files. Raises BadModel."""
    tensors: Tensors = {}
    for path in weight_files(folder):
        tensors |= read_header(path)
    return tensors


def expected_tensors(config: Mapping[str, Any]) -> Tensors:
    """The tensors of a model of the usual build (attention and a gated MLP, or experts), by its config.

    Raises KeyError where the config lacks a size.
    """
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    head_dim = int(config.get("head_dim") or hidden // heads)
    kv_width = int(config.get("num_key_value_heads") or heads) * head_dim
    dtype = {"float32": "F32", "float16": "F16"}.get(str(config.get("torch_dtype", config.get("dtype"))), "BF16")
    experts = int(config.get("num_experts") or config.get("num_local_experts") or config.get("n_routed_experts") or 0)
    expert_width = config.get("moe_intermediate_size") if experts else None
    width = int(expert_width or config["intermediate_size"])
    block = {
        "self_attn.q_proj": (heads * head_dim, hidden),
        "self_attn.k_proj": (kv_width, hidden),
        "self_attn.v_proj": (kv_width, hidden),
        "self_attn.o_proj": (hidden, heads * head_dim),
    }
    for i in range(max(1, experts)):
        mlp = f"mlp.experts.{i}" if experts else "mlp"
        block |= {f"{mlp}.gate_proj": (width, hidden), f"{mlp}.up_proj": (width, hidden)}
        block |= {f"{mlp}.down_proj": (hidden, width)}
    tensors: Tensors = {"model.embed_tokens.weight": (dtype, (int(config["vocab_size"]), hidden))}
    if not config.get("tie_word_embeddings", False):
        tensors["lm_head.weight"] = (dtype, (int(config["vocab_size"]), hidden))
    for n in range(int(config["num_hidden_layers"])):
        tensors |= {f"model.layers.{n}.{name}.weight": (dtype, shape) for name, shape in block.items()}
    return tensors


def block_matrices(tensors: Tensors) -> dict[str, Shape]:
    """The weights of linear layers inside the blocks: what quantization packs."""
    return {name: shape for name, (_, shape) in tensors.items() if _is_block_matrix(name, shape)}


def has_hidden_shapes(tensors: Tensors) -> bool:
    """Whether the files are in bitsandbytes' layout, whose packed weights do not show their shapes."""
    return any(name.endswith((".absmax", ".SCB")) for name in tensors)


def is_packed(tensors: Tensors) -> bool:
    """Whether the files hold packed weights in MLX's layout."""
    return any(name.endswith(".scales") for name in tensors)


def compute_bytes(dtype: str, device: str, trains_all: bool, tensors: Tensors) -> int:
    """Bytes of a number that is computed with, as core.model.load decides for `dtype`."""
    if dtype != "auto":
        return BYTES[dtype]
    if device == "cpu" or trains_all:
        return 4
    in_float32 = sum(math.prod(shape) for kind, shape in tensors.values() if kind == "F32")
    return 4 if in_float32 > sum(math.prod(shape) for kind, shape in tensors.values() if kind in ("BF16", "F16")) else 2


def stored_bytes(tensors: Tensors, compute: int, mode: str, matrices: Mapping[str, Shape]) -> int:
    """Bytes of the tensors in memory: `matrices` packed as `mode`, the others in numbers of `compute` bytes."""
    return sum(_stored_bytes(name, kind, shape, compute, mode, matrices) for name, (kind, shape) in tensors.items())


def _stored_bytes(name: str, kind: str, shape: Shape, compute: int, mode: str, matrices: Mapping[str, Shape]) -> int:
    if kind in PACKED_TYPES or name.endswith((".scales", ".biases")):
        return BYTES.get(kind, 4) * math.prod(shape)
    if mode != UNPACKED and name in matrices and _layer_name(name) not in ROUTERS:
        return int(math.prod(shape) * MODES[mode].stored_bits() / 8)
    return compute * math.prod(shape)


def count_elements(shapes: Iterable[Shape]) -> int:
    return sum(math.prod(shape) for shape in shapes)


def count_saved_adapter(folder: Path) -> int | None:
    """How many numbers the adapter in a folder has, that of modules it holds whole included; None without one."""
    for name in ADAPTER_FILES:
        try:
            return count_elements(info.shape for info in read_header(folder / name).values())
        except (BadModel, OSError):  # the run itself tells what is wrong with it
            continue
    return None


def count_adapter(tensors: Tensors, matrices: Mapping[str, Shape], adapter: Adapter) -> int:
    """How many numbers a LoRA or DoRA adapter with these options has."""
    targets = split_targets(adapter.targets)
    blocks = 1 + max((_block_number(name) for name in matrices), default=0)
    first_block = 0 if adapter.layers is None else blocks - adapter.layers
    total = 0
    for name, (kind, shape) in tensors.items():
        is_block = name in matrices
        if len(shape) != 2 or not name.endswith(".weight") or (is_block and _block_number(name) < first_block):
            continue
        if any(matches_target(word, name.removesuffix(".weight"), is_block) for word in targets):
            outputs, inputs = shape[0], shape[1] * (8 if kind == "U32" else 1)
            magnitudes = outputs if adapter.type == "dora" else 0
            total += adapter.rank * (inputs + outputs) + magnitudes
    return total


def _is_block_matrix(name: str, shape: Shape) -> bool:
    return name.endswith(".weight") and len(shape) == 2 and "layers." in name and "norm" not in name


def _block_number(name: str) -> int:
    number = name.partition("layers.")[2].partition(".")[0]
    return int(number) if number.isdigit() else 0


def _layer_name(name: str) -> str:
    return name.removesuffix(".weight").rpartition(".")[2]
