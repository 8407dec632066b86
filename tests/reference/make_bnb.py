"""Writes bnb/: a tiny model as transformers saves it with bitsandbytes, in several ways, and its logits.

The logits are those of the dense model that the codes stand for, by bitsandbytes' device-independent kernels: its own
way on a processor rounds inputs too (int8), and is wrong where a row is no multiple of a block. Run make_models.py
first; the tokenizer is that of models/.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
from bitsandbytes.backends.default import ops as default
from make_peft import HERE, TOKENS
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

MODEL = "qwen3-tiny"
KINDS = {
    "nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "nf4-double": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    "fp4": {"load_in_4bit": True, "bnb_4bit_quant_type": "fp4"},
    "fp4-double": {"load_in_4bit": True, "bnb_4bit_quant_type": "fp4", "bnb_4bit_use_double_quant": True},
    "int8": {"load_in_8bit": True},
}


def main() -> None:
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    logits = {}
    for name, options in KINDS.items():
        folder = HERE / "bnb" / name
        shutil.rmtree(folder, ignore_errors=True)
        packed = AutoModelForCausalLM.from_pretrained(
            HERE / "models" / MODEL,
            quantization_config=BitsAndBytesConfig(**options),
            dtype=torch.bfloat16,
            device_map="cpu",
        )
        with tempfile.TemporaryDirectory() as saved:
            packed.save_pretrained(saved)
            folder.mkdir(parents=True)
            for file in ("config.json", "model.safetensors"):
                shutil.copyfile(Path(saved) / file, folder / file)
        logits[name] = dense_logits(folder)
        print(name, logits[name][0, :4])
    save_file(logits, HERE / "bnb" / "logits.safetensors")


def dense_logits(folder: Path) -> torch.Tensor:
    """The last two positions' of a model whose weights are what the file's codes stand for, in float32."""
    model = AutoModelForCausalLM.from_pretrained(HERE / "models" / MODEL, dtype=torch.float32).eval()
    found = load_file(folder / "model.safetensors")
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name in found and found[name].is_floating_point():
                value.copy_(found[name].float())
            elif name.replace(".weight", ".SCB") in found:
                scales = found[name.replace(".weight", ".SCB")].float()
                value.copy_(found[name].float() * (scales / 127)[:, None])
            elif name in found:
                value.copy_(unpacked(name, found, value.shape))
        return model(torch.tensor([TOKENS])).logits[0, -2:].contiguous()


def unpacked(name: str, found: dict[str, torch.Tensor], shape: torch.Size) -> torch.Tensor:
    scales, table = found[f"{name}.absmax"], found[f"{name}.quant_map"]
    (state,) = (value for key, value in found.items() if key.startswith(f"{name}.quant_state"))
    about = json.loads(bytes(state.tolist()))
    if f"{name}.nested_absmax" in found:
        nested, steps = found[f"{name}.nested_absmax"], found[f"{name}.nested_quant_map"]
        tops = nested.repeat_interleave(about["nested_blocksize"])[: scales.numel()]
        scales = steps[scales.int()] * tops + about["nested_offset"]
    codes = found[name].flatten()
    return default._dequantize_4bit_compute(codes, scales, table, about["blocksize"], shape, torch.float32)


if __name__ == "__main__":
    main()
