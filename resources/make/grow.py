"""Make a larger model from a trained one: twice the blocks, and wider ones, that compute the same until they learn more.

    python -m resources.make.grow --model resources/starter --out FOLDER

From random weights a few minutes on two processor cores give a worse model than the starter; grown from it, the same
minutes start where it stands. Behind each block comes a new one, and each inner layer gets new units; what they write
into the residual stream is multiplied by zero at first (Chen et al., Net2Net, arXiv:1511.05641, for the idea).
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from resources.make.model import parameters, untrained
from resources.make.tokenizer import CHAT_TEMPLATE_FILE, CONFIG_FILE, TOKENIZER_FILE

BESIDE = ("generation_config.json", TOKENIZER_FILE, CONFIG_FILE, CHAT_TEMPLATE_FILE)
WRITES = ("o_proj.weight", "down_proj.weight")  # into the residual stream


def larger(config: dict[str, Any], inner: int) -> dict[str, Any]:
    """The configuration with twice the blocks and so many inner units."""
    return {**config, "num_hidden_layers": 2 * config["num_hidden_layers"], "intermediate_size": inner}


def grown(weights: dict[str, np.ndarray], config: dict[str, Any], inner: int, seed: int) -> dict[str, np.ndarray]:
    """The weights of the larger model, which gives the same logits as the smaller one with `weights`."""
    made = untrained(larger(config, inner), seed)
    for name, value in made.items():
        part, number = _block(name)
        if number is None or number % 2 == 0:
            old = weights[name if number is None else f"model.layers.{number // 2}.{part}"]
            if name.endswith(WRITES):
                value[:] = 0.0
            value[tuple(slice(n) for n in old.shape)] = old
        elif name.endswith(WRITES):
            value[:] = 0.0
    return made


def _block(name: str) -> tuple[str, int | None]:
    """(the name within its block, which block): ("mlp.up_proj.weight", 3)."""
    if not name.startswith("model.layers."):
        return name, None
    number, _, part = name.removeprefix("model.layers.").partition(".")
    return part, int(number)


def grow(model: Path, out: Path, inner: int = 1024, seed: int = 0) -> int:
    """Write the larger model's folder, in float32; how many parameters it has."""
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    stored = mx.load(str(model / "model.safetensors"))
    assert isinstance(stored, dict)
    weights = {name: np.array(value.astype(mx.float32)) for name, value in stored.items()}
    out.mkdir(parents=True, exist_ok=True)
    made = {name: mx.array(value) for name, value in grown(weights, config, inner, seed).items()}
    mx.save_safetensors(str(out / "model.safetensors"), made, {"format": "pt"})
    about = larger(config, inner) | {"torch_dtype": "float32"}
    (out / "config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    for name in BESIDE:
        shutil.copy(model / name, out / name)
    return parameters(about)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="the folder of the smaller model")
    parser.add_argument("--inner", type=int, default=1024, help="inner units of a block")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the larger model")
    args = parser.parse_args()
    count = grow(args.model, args.out, args.inner, args.seed)
    print(f"{count:,} parameters in {args.out / 'model.safetensors'}")


if __name__ == "__main__":
    main()
