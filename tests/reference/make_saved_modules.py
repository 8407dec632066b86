"""Writes saved_modules/: PEFT adapters that hold some modules whole, as modules_to_save has them, and their logits.

For each case saved_modules/<name>/ is the adapter as PEFT saves it, with `logits` [2, V] at the last two of TOKENS in
a file beside it. Every trained tensor is moved far from where it starts. Run make_models.py first.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).parent
TOKENS = list(range(5, 53, 2))
# {name: (model, changes of the adapter's configuration)}; qwen3-tiny's embeddings are its output layer too.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "both": ("llama-tiny", {"modules_to_save": ["embed_tokens", "lm_head"]}),
    "norms": ("qwen3-tiny", {"modules_to_save": ["norm"]}),
    "layer": ("qwen3-tiny", {"modules_to_save": ["layers.1.mlp.down_proj", "layers.0.self_attn"]}),
    "tied-head": ("qwen3-tiny", {"modules_to_save": ["lm_head"]}),
    "tied-embeddings": ("qwen3-tiny", {"modules_to_save": ["embed_tokens"]}),
    "tied-both": ("qwen3-tiny", {"modules_to_save": ["embed_tokens", "lm_head"]}),
    "kept-tied": ("qwen3-tiny", {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True}),
    "tied-lora": ("qwen3-tiny", {"target_modules": ["q_proj", "embed_tokens"]}),
    "kept-tied-lora": ("qwen3-tiny", {"target_modules": ["q_proj", "embed_tokens"], "ensure_weight_tying": True}),
}


def main() -> None:
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    for seed, name in enumerate(CASES):
        write(name, seed)


def write(name: str, seed: int) -> None:
    base_name, changes = CASES[name]
    path = HERE / "models" / base_name
    base = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    targets = changes.get("target_modules", ["q_proj", "up_proj"])
    about = {"r": 2, "lora_alpha": 6, "lora_dropout": 0.0, "target_modules": targets, "task_type": "CAUSAL_LM"}
    model = get_peft_model(base, LoraConfig(**{**about, **changes}))
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for _, value in model.named_parameters():
            if value.requires_grad:
                value.add_(torch.from_numpy(0.1 * random.standard_normal(value.shape)).float())
    folder = HERE / "saved_modules" / name
    model.save_pretrained(folder)
    (folder / "README.md").unlink()  # a model card without content
    fresh = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    loaded = PeftModel.from_pretrained(fresh, str(folder)).eval()
    with torch.no_grad():
        logits, again = (m(torch.tensor([TOKENS])).logits[0, -2:] for m in (model.eval(), loaded))
    if not torch.equal(logits, again):
        print(f"{name}: PEFT itself loads it with other logits, by {float((logits - again).abs().max()):.3g}")
    saved = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": base_name}
    saved["target_modules"] = targets  # PEFT writes a set, in an order of its own each time
    (folder / "adapter_config.json").write_text(json.dumps(saved, indent=1) + "\n")
    save_file({"logits": again.contiguous()}, folder.with_suffix(".safetensors"))


if __name__ == "__main__":
    main()
