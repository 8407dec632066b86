"""Writes quant/: matrices of awkward shapes and what bitsandbytes makes of them, one safetensors file each.

weight          the matrix, as it goes in
nf4.*, fp4.*    codes, scales, and the float32 matrix they stand for; with double quantization nested.codes,
                nested.scales, nested.mean and the map of 256 numbers
int8.*          codes and scales

The kernels are bitsandbytes' device-independent ones (its "default" backend), called by their dispatch key where
the CPU has native ones beside them: those are approximate, or wrong for rows that are no multiple of 64.
"""

import os
from pathlib import Path

os.environ["TORCHDYNAMO_DISABLE"] = "1"  # the same kernels, not compiled

import bitsandbytes.functional as bnb
import numpy as np
import torch
from bitsandbytes.backends.default import ops as default
from safetensors.torch import save_file

FOLDER = Path(__file__).parent / "quant"
OPS = torch.ops.bitsandbytes
PLAIN = torch._C.DispatchKey.CompositeExplicitAutograd


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, weight in inputs().items():
        made = {"weight": weight} | int8(weight)
        for mode in ("nf4", "fp4"):
            made |= {f"{mode}.{key}": value for key, value in four_bit(weight, mode).items()}
        save_file({key: value.contiguous() for key, value in made.items()}, FOLDER / f"{name}.safetensors")
    save_file({"map": bnb.create_dynamic_map()}, FOLDER / "dynamic-map.safetensors")


def inputs() -> dict[str, torch.Tensor]:
    random = np.random.default_rng(21)

    def normal(*shape: int) -> torch.Tensor:
        return torch.from_numpy(0.05 * random.standard_normal(shape)).float()

    outliers = normal(8, 128)
    outliers[1, 5], outliers[3, 77], outliers[6] = 1e4, -300.0, 1e-7 * outliers[6]
    zeros_inside = normal(6, 64)
    zeros_inside[2:4] = 0
    tiny = normal(4, 50) * 1e-30
    return {
        "one": torch.tensor([[-0.3]]),
        "odd": normal(3, 5),
        "rows-of-37": normal(7, 37),
        "rows-of-100": normal(32, 100),
        "zeros": torch.zeros(4, 64),
        "zeros-odd": torch.zeros(3, 31),
        "zeros-inside": zeros_inside,
        "outliers": outliers,
        "tiny": tiny,
        "borders": borders(),
        "float16": normal(16, 96).half(),
        "bfloat16": normal(16, 96).bfloat16(),
        "large": normal(160, 257).bfloat16(),  # 643 blocks: two whole and one incomplete block of scales
    }


def borders() -> torch.Tensor:
    """Weights that lie in the middle between two numbers of a table, and one float32 step to either side."""
    rows = []
    for mode in ("nf4", "fp4"):
        middles, _ = default._get_4bit_quantize_bounds(mode, torch.device("cpu"))
        edge = torch.tensor(float("inf"))
        row = torch.cat([middles, torch.nextafter(middles, edge), torch.nextafter(middles, -edge)])
        rows.append(torch.cat([row, torch.ones(64 - row.numel())]))
    halves = (torch.arange(64) - 32 + 0.5) / 127  # where int8 rounds to even
    halves[0] = 1.0
    return torch.stack([*rows, halves])


def four_bit(weight: torch.Tensor, mode: str) -> dict[str, torch.Tensor]:
    codes, scales = OPS.quantize_4bit.default(weight, 64, mode, torch.uint8)
    found = {"codes": codes.reshape(-1), "scales": scales}
    if weight.numel() < 1600:
        found["matrix"] = default._dequantize_4bit_compute(
            codes.reshape(-1), scales, bnb.get_4bit_type(mode, device="cpu"), 64, weight.shape, torch.float32
        )
    mean = scales.mean()
    inner, tops = OPS.quantize_blockwise.default._op_dk(PLAIN, scales - mean, bnb.create_dynamic_map(), 256)
    return found | {"nested.codes": inner, "nested.scales": tops, "nested.mean": mean}


def int8(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    codes, scales, _ = OPS.int8_vectorwise_quant.default(weight)
    matrix = OPS.int8_vectorwise_dequant.default(codes, scales)
    return {"int8.codes": codes, "int8.scales": scales} | ({"int8.matrix": matrix} if weight.numel() < 1600 else {})


if __name__ == "__main__":
    main()
