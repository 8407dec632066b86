"""Write the untrained model: a small Qwen3 with tied embeddings, random weights in Hugging Face's layout.

python -m resources.make.model --out FOLDER
"""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from resources.make.tokenizer import END_OF_TEXT, SPECIAL, TURN_END, VOCABULARY

ROPE_THETA = 10_000.0
CONFIG: dict[str, Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "vocab_size": VOCABULARY,
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 1024,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "tie_word_embeddings": True,
    "attention_bias": False,
    "attention_dropout": 0.0,
    "use_sliding_window": False,
    # Written twice: older readers look at the top, transformers 5 in rope_parameters.
    "rope_theta": ROPE_THETA,
    "rope_parameters": {"rope_type": "default", "rope_theta": ROPE_THETA},
    "bos_token_id": None,
    "eos_token_id": SPECIAL.index(TURN_END),
    "pad_token_id": SPECIAL.index(END_OF_TEXT),
    "torch_dtype": "bfloat16",
}
GENERATION = {"eos_token_id": CONFIG["eos_token_id"], "pad_token_id": CONFIG["pad_token_id"], "do_sample": False}


def shapes(config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(name, shape) of every weight."""
    hidden, inner, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    queries, keys = head * config["num_attention_heads"], head * config["num_key_value_heads"]
    yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}"
        yield f"{at}.self_attn.q_proj.weight", (queries, hidden)
        yield f"{at}.self_attn.k_proj.weight", (keys, hidden)
        yield f"{at}.self_attn.v_proj.weight", (keys, hidden)
        yield f"{at}.self_attn.o_proj.weight", (hidden, queries)
        yield f"{at}.self_attn.q_norm.weight", (head,)
        yield f"{at}.self_attn.k_norm.weight", (head,)
        yield f"{at}.mlp.gate_proj.weight", (inner, hidden)
        yield f"{at}.mlp.up_proj.weight", (inner, hidden)
        yield f"{at}.mlp.down_proj.weight", (hidden, inner)
        yield f"{at}.input_layernorm.weight", (hidden,)
        yield f"{at}.post_attention_layernorm.weight", (hidden,)
    yield "model.norm.weight", (hidden,)


def untrained(config: dict[str, Any], seed: int) -> dict[str, np.ndarray]:
    """Norms at one; matrices normal with deviation 1/sqrt(inputs), smaller where they write into the residual stream."""
    rng = np.random.default_rng(seed)
    weights = {}
    for name, shape in shapes(config):
        if len(shape) == 1:
            weights[name] = np.ones(shape, np.float32)
            continue
        deviation = 0.02 if "embed" in name else 1 / math.sqrt(shape[1])
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            deviation /= math.sqrt(2 * config["num_hidden_layers"])
        weights[name] = rng.normal(0, deviation, shape).astype(np.float32)
    return weights


def parameters(config: dict[str, Any]) -> int:
    """How many numbers the model has."""
    return sum(math.prod(shape) for _, shape in shapes(config))


def save_config(folder: Path) -> None:
    """config.json and generation_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in (("config.json", CONFIG), ("generation_config.json", GENERATION)):
        (folder / name).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the model folder")
    args = parser.parse_args()
    save_config(args.out)
    save_file(untrained(CONFIG, args.seed), args.out / "model.safetensors", {"format": "pt"})
    print(f"{parameters(CONFIG):,} parameters in {args.out / 'model.safetensors'}")


if __name__ == "__main__":
    main()
