"""One epoch of mlx-lm-lora's own trainers, run by the Python that has them: mlx_lm_lora_side.py JOB.json.

The job's `settings` are those of mlx_lm_side.py; at best the losses do not empty MLX's cache either.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx_lm.utils import load_model
from mlx_lm_lora.trainer.datasets import CacheDataset
from mlx_lm_lora.trainer.dpo_trainer import DPOTrainingArgs, train_dpo
from mlx_lm_lora.trainer.orpo_trainer import ORPOTrainingArgs, train_orpo
from mlx_lm_lora.trainer.sft_trainer import SFTTrainingArgs, train_sft
from mlx_lm_side import Clock, Rows, SaveNothing, model_with_adapter, no_saving, report, settings, sorted_by_length


def pairs(rows: list) -> list[dict]:
    """Rows of two texts as its preference trainers want them."""
    names = "chosen", "rejected"
    return [
        {name: text["tokens"] for name, text in zip(names, row, strict=True)}
        | {f"{name}_prompt_length": text["start"] for name, text in zip(names, row, strict=True)}
        for row in rows
    ]


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text()) | ({"settings": sys.argv[2]} if len(sys.argv) > 2 else {})
    np.random.seed(0)
    model = model_with_adapter(job)
    rows = json.loads(Path(job["rows"]).read_text())
    kinds = {"sft": SFTTrainingArgs, "dpo": DPOTrainingArgs, "orpo": ORPOTrainingArgs}
    values = settings(job, len(rows))
    if values.pop("clear_cache_threshold", 0):  # its trainers have no such option: their losses empty the cache
        mx.clear_cache = lambda: None
    args = kinds[job["method"]](**values)
    clock = Clock(args.steps_per_report)
    options = {"optimizer": optim.AdamW(learning_rate=1e-4), "args": args, "training_callback": clock}
    mx.reset_peak_memory()
    start = time.process_time()
    with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SaveNothing):
        if job["method"] == "sft":
            data = (CacheDataset if job["settings"] == "defaults" else sorted_by_length(CacheDataset))(Rows(rows))
            train_sft(model, train_dataset=data, **options)
        elif job["method"] == "dpo":
            reference, _ = load_model(Path(job["model"]))
            train_dpo(model, reference.freeze(), train_dataset=pairs(rows), **options)
        else:
            train_orpo(model, train_dataset=pairs(rows), **options)
    report(clock, time.process_time() - start, model)


if __name__ == "__main__":
    mx.save_safetensors = no_saving
    if "max_recommended_working_set_size" not in mx.device_info():  # its trainers ask for it, which a CPU has not
        mx.device_info = lambda: {"max_recommended_working_set_size": 0}
    main()
