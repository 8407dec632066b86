"""One epoch of transformers and PEFT on an NVIDIA GPU: peft_side.py JOB.json [plain | compile | liger] prints one JSON
line.

The loop is the one that transformers' Trainer runs: autocast to bfloat16 over a bfloat16 base, adapters in float32, the
fused AdamW, attention through PyTorch's scaled_dot_product_attention. The weights are random, as on the other sides.
Nothing waits for the GPU before the last step: steps are timed by events on its stream. `compile` compiles the model
with torch.compile, `liger` puts Liger's kernels in the place of norms, RoPE, SwiGLU and loss.
"""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    rows = json.loads(Path(job["rows"]).read_text())
    torch.manual_seed(0)
    settings = sys.argv[2] if len(sys.argv) > 2 else "plain"
    if settings == "liger":
        from liger_kernel.transformers import apply_liger_kernel_to_qwen3

        apply_liger_kernel_to_qwen3()
    model = model_with_adapter(job)
    if settings == "compile":
        model.compile()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    torch.cuda.reset_peak_memory_stats()
    losses, size = [], job["batch_size"]
    cpu = time.process_time()
    ends = [recorded_event()]
    for first in range(0, len(rows) - size + 1, size):
        losses.append(step(model, trained, optimizer, rows[first : first + size]))
        ends.append(recorded_event())
    torch.cuda.synchronize()
    seconds = [a.elapsed_time(b) / 1000 for a, b in pairwise(ends)]
    figures = {"seconds": seconds, "losses": [float(x) for x in losses], "cpu": time.process_time() - cpu}
    figures |= {"peak": torch.cuda.max_memory_allocated(), "trained": sum(p.numel() for p in trained)}
    print(json.dumps(figures), flush=True)


def recorded_event() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


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


def step(model: torch.nn.Module, trained: list, optimizer: torch.optim.Optimizer, rows: list[dict]) -> torch.Tensor:
    """One optimizer step on rows of one length; its loss."""
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
    return loss.detach()


if __name__ == "__main__":
    main()
