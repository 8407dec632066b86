"""Writes peft.json and peft/: what PEFT's kinds of adapters do under TRL's SFTTrainer, as make_sft.py has it for LoRA.

For each case peft/<name>/ holds the adapter to start from, as PEFT saves it; peft/<name>.safetensors the adapter
after the last step under mlx-lm's names, and the logits that PEFT computes from the start at the last two of TOKENS.
Over a packed base, PyTorch's weights are those that bitsandbytes' codes stand for. Run make_models.py first.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import bitsandbytes.functional as bnb
import make_quant
import numpy as np
import torch
import transformers
from bitsandbytes.backends.default import ops as default
from make_quant import four_bit, int8
from make_sft import HERE, LEARNED, Case, learn
from peft import LoraConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl_runs import compute_alike

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
TOKENS = list(range(5, 53, 2))


@dataclass(frozen=True)
class Kind:
    """A kind of adapter over a base, and what it learns."""

    case: Case
    peft: dict[str, Any] = field(default_factory=dict)
    base: str = "none"
    double: bool = False
    plus: float | None = None


KINDS = {
    "dora": Kind(Case("qwen3-tiny", "messages", weight_decay=0.1, max_grad_norm=3.4), {"use_dora": True}),
    "rslora": Kind(Case("llama-tiny", "completion", gradient_accumulation_steps=3), {"use_rslora": True}),
    "loraplus": Kind(Case("qwen3-tiny", "completion", learning_rate=2e-4), plus=8.0),
    "lora-nf4-double": Kind(Case("llama-tiny", "completion"), base="nf4", double=True),
    "lora-int8": Kind(Case("qwen3-tiny", "completion"), base="int8"),
    "dora-nf4": Kind(Case("qwen3-tiny", "completion"), {"use_dora": True}, base="nf4"),
    "patterns": Kind(
        Case("llama-tiny", "completion", gradient_accumulation_steps=2),
        {
            "rank_pattern": {"q_proj": 8, r"layers\.1\.mlp\.(up|gate)_proj": 2, "model.layers.0.mlp.down_proj": 3},
            "alpha_pattern": {"v_proj": 20, "layers.1.mlp.up_proj": 7, "q_proj": 24},
        },
    ),
    "dora-patterns": Kind(
        Case("qwen3-tiny", "completion"),
        {"use_dora": True, "target_modules": ["q_proj", "up_proj"], "rank_pattern": {"up_proj": 2}},
    ),
    "head": Kind(Case("llama-tiny", "completion"), {"target_modules": ["q_proj", "embed_tokens", "lm_head"]}),
}


def main() -> None:
    compute_alike()
    found = {name: run(name, kind) for name, kind in KINDS.items()}
    text = json.dumps({"tokens": TOKENS, "cases": found})
    (HERE / "peft.json").write_text(text.replace('}, "', '},\n"') + "\n", encoding="utf-8")


def run(name: str, kind: Kind) -> dict[str, Any]:
    case = kind.case
    transformers.set_seed(0)
    base = AutoModelForCausalLM.from_pretrained(HERE / "models" / case.model, dtype=torch.float32)
    packed(base, kind)
    about = {"r": 4, "lora_alpha": 12, "lora_dropout": 0.0, "target_modules": ALL, "task_type": "CAUSAL_LM"}
    config = LoraConfig(**{**about, **kind.peft})
    targets = sorted(config.target_modules)
    model = get_peft_model(base, config)
    random = np.random.default_rng(len(name))
    with torch.no_grad():
        for key, value in model.named_parameters():
            drawn = torch.from_numpy(random.standard_normal(value.shape)).float()
            if "lora_A" in key or "lora_embedding_A" in key or "lora_B" in key or "lora_embedding_B" in key:
                value.copy_(drawn * 0.1)
            elif "lora_magnitude" in key:
                value.mul_(1 + 0.05 * drawn)
    folder = HERE / "peft" / name
    model.save_pretrained(folder)
    (folder / "README.md").unlink()  # a model card without content
    saved = json.loads((folder / "adapter_config.json").read_text()) | {"base_model_name_or_path": case.model}
    saved["target_modules"] = targets  # PEFT writes a set, in an order of its own each time
    (folder / "adapter_config.json").write_text(json.dumps(saved, indent=1) + "\n")
    with torch.no_grad():
        logits = model.eval()(torch.tensor([TOKENS])).logits[0, -2:]

    tokenizer = AutoTokenizer.from_pretrained(HERE / "models" / case.model)
    every_answer = case.data == "messages"
    if every_answer:
        tokenizer.chat_template = LEARNED[case.model]
    optimizer, steps = None, []
    if kind.plus:
        betas = {"betas": (0.9, 0.999), "eps": 1e-8}
        optimizer = create_loraplus_optimizer(
            model, torch.optim.AdamW, lr=case.learning_rate, loraplus_lr_ratio=kind.plus, **betas
        )
    if "lm_head" not in targets:  # which TRL refuses to train
        _, steps = learn(model, tokenizer, case, every_answer, optimizer)
    save_file(to_mlx(model) | {"logits": logits.contiguous()}, HERE / "peft" / f"{name}.safetensors")
    options = {k: v for k, v in vars(case).items() if k not in ("model", "data", "adapter")}
    about = {"base": kind.base, "double": kind.double, "plus": kind.plus}
    return {"model": case.model, "data": case.data, **about, "options": options, "steps": steps}


def packed(model: torch.nn.Module, kind: Kind) -> None:
    """Put in the place of each weight inside the blocks the one that its codes stand for."""
    if kind.base == "none":
        return
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear) and ".layers." in name:
            weight = layer.weight.detach()
            if kind.base == "int8":
                codes, scales = int8(weight)["int8.codes"], int8(weight)["int8.scales"]
                weight = make_quant.OPS.int8_vectorwise_dequant.default(codes, scales)
            else:
                weight = unpacked(four_bit(weight, kind.base), kind, weight.shape)
            layer.weight.data = weight.float()


def unpacked(made: dict[str, torch.Tensor], kind: Kind, shape: torch.Size) -> torch.Tensor:
    """The matrix that 4-bit codes stand for, with packed scales where they are asked for."""
    scales = made["scales"]
    if kind.double:
        blocks = made["nested.codes"], made["nested.scales"], bnb.create_dynamic_map(), 256, torch.float32
        scales = make_quant.OPS.dequantize_blockwise.default._op_dk(make_quant.PLAIN, *blocks) + made["nested.mean"]
    table = bnb.get_4bit_type(kind.base, device="cpu")
    return default._dequantize_4bit_compute(made["codes"], scales, table, 64, shape, torch.float32)


def to_mlx(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The adapter of a PEFT model under mlx-lm's names; matrices lie the other way round there."""
    names = {
        "lora_A.default.weight": "lora_a",
        "lora_B.default.weight": "lora_b",
        "lora_embedding_A.default": "lora_a",
        "lora_embedding_B.default": "lora_b",
        "lora_magnitude_vector.default.weight": "m",
    }
    found = {}
    for key, value in model.named_parameters():
        for theirs, ours in names.items():
            if key.endswith(f".{theirs}"):
                name = key.removeprefix("base_model.model.").removesuffix(theirs) + ours
                found[name] = value.detach().T.contiguous() if value.ndim == 2 else value.detach().clone()
    return found


if __name__ == "__main__":
    main()
