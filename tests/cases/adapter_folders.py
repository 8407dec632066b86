"""A table of adapter folders as people bring them: what is done to a good one of PEFT's or mlx-lm's, and the sentence
that is said; "" where it is loaded all the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx

from tests.cases.folders import LFS, Change, cut, write

CONFIG, PEFT, MLX = "adapter_config.json", "adapter_model.safetensors", "adapters.safetensors"
Q_PROJ = "base_model.model.model.layers.0.self_attn.q_proj"


def config(**values: Any) -> Change:
    return lambda folder: (folder / CONFIG).write_text(json.dumps(json.loads((folder / CONFIG).read_text()) | values))


def parameters(**values: Any) -> Change:
    """Values under lora_parameters."""

    def change(folder: Path) -> None:
        saved = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps(saved | {"lora_parameters": saved["lora_parameters"] | values}))

    return change


def weights(name: str, change: Callable[[dict[str, mx.array]], dict[str, mx.array]]) -> Change:
    def rewrite(folder: Path) -> None:
        tensors = {key: value + 0 for key, value in mx.load(str(folder / name)).items()}
        mx.save_safetensors(str(folder / name), change(tensors))

    return rewrite


def renamed(old: str, new: str) -> Change:
    return lambda folder: (folder / old).rename(folder / new)


def as_type(dtype: mx.Dtype) -> Callable[[dict[str, mx.array]], dict[str, mx.array]]:
    return lambda tensors: {name: value.astype(dtype) for name, value in tensors.items()}


KINDS = (
    "ADALORA",
    "IA3",
    "LOHA",
    "LOKR",
    "OFT",
    "BOFT",
    "VERA",
    "XLORA",
    "PROMPT_TUNING",
    "PREFIX_TUNING",
    "P_TUNING",
    "POLY",
    "LN_TUNING",
    "FOURIERFT",
    "HRA",
    "VBLORA",
    "BONE",
    "TRAINABLE_TOKENS",
    "RANDLORA",
    "SHIRA",
    "C3A",
    "MISS",
    "ROAD",
    "WAVEFT",
    "DELORA",
)
PEFT_FOLDERS: dict[str, tuple[Change, str]] = {
    **{kind: (config(peft_type=kind), f"of PEFT's kind {kind}, which is not supported") for kind in KINDS},
    "kind a list": (config(peft_type=["LORA"]), "peft_type is \"\\['LORA'\\]\", which it cannot be"),
    "LoRA-GA": (config(init_lora_weights="lora_ga"), "was started as lora_ga"),
    "Arrow": (config(arrow_config={"top_k": 2}), "a routing between adapters"),
    "BD-LoRA": (config(use_bdlora={"nblocks": 2}), "matrices in blocks"),
    "bf16": (weights(PEFT, as_type(mx.bfloat16)), ""),
    "integers": (weights(PEFT, as_type(mx.int32)), "as I32; an adapter is F32, BF16 or F16"),
    "no base named": (config(base_model_name_or_path=None), ""),
    "rank -8": (config(r=-8), "does not say its rank and alpha, or not as PEFT does"),
    "rank 0": (config(r=0), "does not say its rank and alpha, or not as PEFT does"),
    "rank 10^30": (config(r=10**18), "does not say its rank and alpha, or not as PEFT does"),
    "rank infinite": (config(r=float("inf")), "does not say its rank and alpha, or not as PEFT does"),
    "alpha NaN": (config(lora_alpha=float("nan")), "does not say its rank and alpha, or not as PEFT does"),
    "another rank": (config(r=4), "names rank 4 for .*, but its weights have rank 8"),
    "pattern of hours": (config(rank_pattern={"(\\w+)+!": 4}), "does not say its rank and alpha, or not as PEFT does"),
    "pattern broken": (config(alpha_pattern={"(": 4}), "does not say its rank and alpha, or not as PEFT does"),
    "pattern a list": (config(rank_pattern=[1]), "rank_pattern is '\\[1\\]', which it cannot be"),
    "modules a word": (config(modules_to_save="lm_head"), "modules_to_save is 'lm_head', which it cannot be"),
    "base a number": (config(base_model_name_or_path=5), "base_model_name_or_path is '5', which it cannot be"),
    "config nested": (write(CONFIG, '{"a":' * 100_000), "nested too deeply"),
    "config 5 MB": (write(CONFIG, " " * 5_000_000), "is larger than 4 MB"),
    "config a list": (write(CONFIG, "[]"), "does not hold a JSON object"),
    "a number of 5000 digits": (write(CONFIG, '{"peft_type": "LORA", "r": ' + "9" * 5000 + "}"), "is too long"),
    "pointer of Git LFS": (write(PEFT, LFS), "is a Git LFS pointer"),
    "weights cut": (cut(PEFT, 5000), "is cut off"),
    "weights empty": (write(PEFT, b""), "is empty"),
    "pickled": (renamed(PEFT, "adapter_model.bin"), "it has its weights as adapter_model.bin only"),
    "another name": (renamed(PEFT, "lora.safetensors"), "is missing \\(there is lora.safetensors"),
    "a bias of B": (weights(PEFT, lambda t: t | {f"{Q_PROJ}.lora_B.bias": mx.zeros(4)}), "is no part of a LoRA or DoRA adapter"),
    "a layer too many": (weights(PEFT, lambda t: {k.replace("layers.1", "layers.7"): v for k, v in t.items()}), "belongs to another model: there is no layer .*layers.7"),
    "A without B": (weights(PEFT, lambda t: {k: v for k, v in t.items() if "lora_A" in k}), "has other dimensions here"),
    "a base layer that is not the base's": (weights(PEFT, lambda t: t | {f"{Q_PROJ}.base_layer.weight": mx.zeros((64, 64))}), "base_layer.weight, which differs from the base's"),
    "a base layer of another model": (weights(PEFT, lambda t: t | {"base_model.model.model.mine.base_layer.weight": mx.zeros((2, 2))}), "differs from the base's"),
    "no tensors": (weights(PEFT, lambda t: {}), "is empty"),
    "a whole model beside it": (lambda folder: (folder / "model.safetensors").write_bytes((folder / PEFT).read_bytes()), ""),
}  # fmt: skip
MLX_FOLDERS: dict[str, tuple[Change, str]] = {
    "untouched": (lambda folder: None, ""),
    "bf16": (weights(MLX, as_type(mx.bfloat16)), ""),
    "rank -8": (parameters(rank=-8), "lacks rank or scale under lora_parameters, or they are impossible"),
    "rank 1000": (parameters(rank=1000), "names rank 1000 for .*, but its weights have rank 8"),
    "scale infinite": (parameters(scale=float("inf")), "or they are impossible"),
    "scale a word": (parameters(scale="two"), "or they are impossible"),
    "dropout 7": (parameters(dropout=7), "or they are impossible"),
    "a scale of 0 of its own": (config(each_layer={"model.layers.0.mlp.up_proj": {"rank": 8, "scale": 0}}), "lacks rank or scale|impossible"),
    "parameters a list": (config(lora_parameters=[1]), "lora_parameters is '\\[1\\]', which it cannot be"),
    "kind of mlx-lm's future": (config(fine_tune_type="qora"), "of the kind 'qora', which is not supported"),
    "kind a number": (config(fine_tune_type=5), "fine_tune_type is '5', which it cannot be"),
    "weights as npz": (renamed(MLX, "adapters.npz"), "it has its weights as adapters.npz only"),
}  # fmt: skip
