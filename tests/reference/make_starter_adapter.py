"""Writes starter-peft/: an adapter that PEFT and PyTorch trained on the starter for a few steps, norms held whole.

With `logits` [T, V] of TOKENS in starter-peft.safetensors, as PEFT gives them after loading it again.
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).parent
STARTER = HERE.parents[1] / "resources" / "starter"
TOKENS = list(range(5, 53, 2))
TEXTS = ["What is 3 plus 4? Seven, and seven it stays.", "Who are you? A small model with a long beard."]


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(3)
    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    base = AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32)
    targets = ["q_proj", "v_proj"]
    config = LoraConfig(r=4, lora_alpha=8, target_modules=targets, modules_to_save=["norm"], task_type="CAUSAL_LM")
    model = get_peft_model(base, config)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for step in range(12):
        tokens = tokenizer(TEXTS[step % 2], return_tensors="pt")["input_ids"]
        loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"{float(loss):.3f}", end=" ")
    folder = HERE / "starter-peft"
    model.save_pretrained(folder)
    (folder / "README.md").unlink()  # a model card without content
    saved = json.loads((folder / "adapter_config.json").read_text())
    saved |= {"base_model_name_or_path": "starter", "target_modules": targets}
    (folder / "adapter_config.json").write_text(json.dumps(saved, indent=1) + "\n")
    fresh = AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32)
    with torch.no_grad():
        logits = PeftModel.from_pretrained(fresh, str(folder)).eval()(torch.tensor([TOKENS])).logits[0]
    save_file({"logits": logits[-2:].contiguous()}, folder.with_suffix(".safetensors"))


if __name__ == "__main__":
    main()
