"""Writes adapters/: for each tiny model one LoRA adapter to start from, as PEFT saves it and as mlx-lm does.

Neither A nor B is zero, so that the adapter tells in the very first loss and both get a gradient.
"""

import json
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
RANK, ALPHA = 8, 16
KEYS = [f"self_attn.{name}_proj" for name in "qkvo"] + [f"mlp.{name}_proj" for name in ("gate", "up", "down")]


def main() -> None:
    write("qwen3-tiny", 11)
    write("llama-tiny", 12)


def write(name: str, seed: int) -> None:
    """The two folders of one model's adapter."""
    base = AutoModelForCausalLM.from_pretrained(HERE / "models" / name, dtype=torch.float32)
    targets = [key.split(".")[-1] for key in KEYS]
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if "lora_A" in key:  # [rank, in]
                bound = value.shape[1] ** -0.5
                value.copy_(torch.from_numpy(random.uniform(-bound, bound, value.shape)))
            elif "lora_B" in key:  # [out, rank]
                value.copy_(torch.from_numpy(0.1 * random.standard_normal(value.shape)))

    peft_folder = HERE / "adapters" / f"{name}-peft"
    model.save_pretrained(peft_folder)
    (peft_folder / "README.md").unlink()  # a model card without content
    path = peft_folder / "adapter_config.json"
    saved = json.loads(path.read_text()) | {"base_model_name_or_path": name}  # not a path of this machine
    saved["target_modules"] = targets  # PEFT writes a set, in an order of its own each time
    path.write_text(json.dumps(saved, indent=1) + "\n")

    mlx_folder = HERE / "adapters" / f"{name}-mlx"
    mlx_folder.mkdir(parents=True, exist_ok=True)
    save_file(to_mlx(model), mlx_folder / "adapters.safetensors")
    about = {
        "fine_tune_type": "lora",
        "num_layers": base.config.num_hidden_layers,
        "lora_parameters": {"rank": RANK, "scale": ALPHA / RANK, "dropout": 0.0, "keys": KEYS},
    }
    (mlx_folder / "adapter_config.json").write_text(json.dumps(about, indent=1) + "\n")


def to_mlx(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The adapter of a PEFT model under mlx-lm's names: lora_a [in, rank] is A transposed, lora_b [rank, out] B."""
    found = {}
    for key, value in model.named_parameters():
        for theirs, ours in (("lora_A.default.weight", "lora_a"), ("lora_B.default.weight", "lora_b")):
            if key.endswith(theirs):
                name = key.removeprefix("base_model.model.").removesuffix(theirs) + ours
                found[name] = value.detach().T.contiguous()
    return found


if __name__ == "__main__":
    main()
