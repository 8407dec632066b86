"""Load adapters with PEFT and write their logits: run in an environment with torch, transformers and peft.

    python peft_check.py CASES.json

CASES.json is {name: {"base": folder, "adapter": folder, "tokens": [...], "logits": file to write}}. Nothing of Hone is
needed. Each adapter is loaded by PeftModel.from_pretrained over the base in float32, and merged into it as well.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from peft import PeftModel


def write_logits(case: dict[str, Any]) -> list[str]:
    """Write [2, T, V]: the logits with the adapter, and merged. Returns what PEFT warned of."""
    base = transformers.AutoModelForCausalLM.from_pretrained(case["base"], dtype=torch.float32)
    with warnings.catch_warnings(record=True) as caught, torch.no_grad():
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(base, case["adapter"]).eval()
        tokens = torch.tensor([case["tokens"]])
        logits = [model(tokens).logits[0].numpy()]
        logits.append(model.merge_and_unload()(tokens).logits[0].numpy())
    np.save(case["logits"], np.stack(logits))
    messages = [str(warning.message).splitlines()[0] for warning in caught]
    return [message for message in messages if "key" in message.lower()]  # of weights that found no place


if __name__ == "__main__":
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    cases = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps({name: write_logits(case) for name, case in cases.items()}))
