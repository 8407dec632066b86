"""Building the kernels for this machine's GPU, and running them."""

import functools
from string import Template
from typing import Any

import mlx.core as mx

from core.device.gpu_kernel import THREADS_PER_GROUP, WORDS, Language, build_kernel, language
from core.model.kernels import attention_text, product_text, sample_text, tensor_text, texts

_HEADER = "template <typename T, int N> struct alignas(N * sizeof(T)) Pack { T v[N]; };\n"
KERNELS: dict[str, tuple[Template, list[str], list[str]]] = {
    "add_norm": (texts.ADD_NORM, ["x", "r", "weight"], ["hidden", "out", "inverse_rms"]),
    "add_norm_back": (texts.ADD_NORM_BACK, ["grad", "carry", "hidden", "weight", "inverse_rms"], ["out"]),
    "swiglu": (texts.SWIGLU, ["gate_up"], ["out"]),
    "swiglu_back": (texts.SWIGLU_BACK, ["grad", "gate_up"], ["out"]),
    "qk_rope": (texts.QK_ROPE, ["qkv", "q_weight", "k_weight", "cosine", "sine"], ["q", "k"]),
    "qk_rope_back": (
        texts.QK_ROPE_BACK,
        ["q_grad", "k_grad", "v_grad", "qkv", "q_weight", "k_weight", "cosine", "sine"],
        ["out"],
    ),
    "attend_token": (
        attention_text.ATTEND_TOKEN,
        [
            "qkv",
            "keys",
            "values",
            "recent_keys",
            "recent_values",
            "q_weight",
            "k_weight",
            "cosine",
            "sine",
            "start",
            "place",
        ],
        ["out", "new_keys", "new_values"],
    ),
    "sample_token": (sample_text.SAMPLE_TOKEN, ["logits", "uniform"], ["tokens", "logps", "entropies"]),
    "token_product": (product_text.TOKEN_PRODUCT, ["x", "weight", "bias", "a", "b", "norm", "residual"], ["out"]),
}
CUDA_ONLY = ("attend_token", "token_product")


def source(name: str, language: Language, values: tuple[tuple[str, Any], ...]) -> str:
    """The text of a kernel's body in "cuda" or "metal"."""
    return KERNELS[name][0].substitute(WORDS[language], **dict(values))


@functools.cache
def build(name: str, values: tuple[tuple[str, Any], ...], shared: int = 0) -> Any:
    """A kernel with its constants; `values` are (name, value) pairs."""
    _, inputs, outputs = KERNELS[name]
    header = _HEADER + (tensor_text.HEADER if name in CUDA_ONLY else "")
    return build_kernel(f"hone_{name}", inputs, outputs, source(name, language(), values), header, shared)


def run(
    name: str, values: dict[str, Any], inputs: list[mx.array], threads: int, outputs: list[Any], shared: int = 0
) -> Any:
    """The outputs of a kernel run by so many threads; `outputs` are (shape, dtype) pairs. `shared`: bytes that each
    group of threads shares beside what the text names, under CUDA."""
    return build(name, tuple(sorted(values.items())), shared)(
        inputs=inputs,
        template=[("T", inputs[0].dtype)],
        grid=(threads, 1, 1),
        threadgroup=(THREADS_PER_GROUP, 1, 1),
        output_shapes=[shape for shape, _ in outputs],
        output_dtypes=[dtype for _, dtype in outputs],
    )
