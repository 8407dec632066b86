"""One epoch of transformers and PEFT on an NVIDIA GPU: peft_side.py JOB.json prints one JSON line.

The loop is the one that transformers' Trainer runs: autocast to bfloat16 over a bfloat16 base, adapters in float32, the
fused AdamW, attention through PyTorch's scaled_dot_product_attention. The weights are random, as on the other sides.
"""

import json
import sys
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    rows = json.loads(Path(job["rows"]).read_text())
    torch.manual_seed(0)
    model = model_with_adapter(job)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    torch.cuda.reset_peak_memory_stats()
    seconds, losses, size = [], [], job["batch_size"]
    cpu = time.process_time()
    for first in range(0, len(rows) - size + 1, size):
        start = time.perf_counter()
        losses.append(step(model, trained, optimizer, rows[first : first + size]))
        seconds.append(time.perf_counter() - start)
    figures = {"seconds": seconds, "losses": losses, "cpu": time.process_time() - cpu}
    figures |= {"peak": torch.cuda.max_memory_allocated(), "trained": sum(p.numel() for p in trained)}
    print(json.dumps(figures), flush=True)


def model_with_adapter(job: dict) -> torch.nn.Module:
    config = AutoConfig.from_pretrained(job["model"])
    base = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa").to("cuda")
    base.config.use_cache = False
    if job["checkpointing"]:
        base.gradient_checkpointing_enable({"use_reentrant": False})
        base.enable_input_require_grads()
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = get_peft_model(base, LoraConfig(r=job["rank"], lora_alpha=2 * job["rank"], target_modules=names))
    return model.train()


def step(model: torch.nn.Module, trained: list, optimizer: torch.optim.Optimizer, rows: list[dict]) -> float:
    """One optimizer step on rows of one length; gives its loss, which waits for the GPU."""
    tokens = torch.tensor([row["tokens"] for row in rows], device="cuda")
    labels = tokens.clone()
    for n, row in enumerate(rows):
        labels[n, : row["start"]] = -100
    with torch.autocast("cuda", torch.bfloat16):
        loss = model(input_ids=tokens, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()


if __name__ == "__main__":
    main()
