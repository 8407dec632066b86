"""Some steps of mlx-lm-lora's own GRPO, run by the Python that has it: mlx_lm_lora_grpo_side.py JOB.json

Prints one JSON line: the seconds of each step, the answer tokens of each, and MLX's peak.
"""

import contextlib
import json
import os
import re
import sys
import time
from itertools import pairwise
from pathlib import Path

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx_lm.utils import load_tokenizer
from mlx_lm_lora.trainer import grpo_trainer
from mlx_lm_side import SaveNothing, model_with_adapter, no_saving


def last_number(prompts: list, completions: list, answer: list, types: list) -> list[float]:
    """1 where the last number of the answer is the expected one."""
    numbers = [re.findall(r"\d+", text) for text in completions]
    return [float(bool(n) and n[-1] == a) for n, a in zip(numbers, answer, strict=True)]


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    np.random.seed(0)
    mx.random.seed(1)
    model = model_with_adapter(job)
    tokenizer = load_tokenizer(Path(job["model"]))
    if job["fixed"]:  # every answer has the longest length
        tokenizer._eos_token_ids = set()
    rows = [json.loads(line) for line in Path(job["data"]).read_text().splitlines()]
    data = []
    for row in rows:
        messages = [{"role": "user", "content": row["question"]}]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        data.append((ids, [1], row["question"], row["answer"]))
    counts: list[int] = []
    starts: list[float] = []
    cpu: list[float] = []
    generate = grpo_trainer.generate_grpo

    def generate_and_count(*arguments, **keywords):
        starts.append(time.perf_counter())
        cpu.append(time.process_time())
        answers = generate(*arguments, **keywords)
        counts.append(sum(len(ids) for ids in answers[0]))
        return answers

    grpo_trainer.generate_grpo = generate_and_count
    args = grpo_trainer.GRPOTrainingArgs(
        batch_size=job["batch_size"],
        iters=job["steps"],
        steps_per_report=job["steps"],
        steps_per_save=10**9,
        max_seq_length=512,
        adapter_file=os.devnull,
        group_size=job["group_size"],
        beta=0.0,
        epsilon=0.2,
        max_completion_length=job["longest"],
        temperature=1.0,
        top_p=1.0,
        top_k=0,
    )
    mx.reset_peak_memory()
    with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SaveNothing):
        grpo_trainer.train_grpo(
            model,
            None,
            tokenizer,
            optim.AdamW(learning_rate=1e-4),
            data,
            reward_funcs=[last_number],
            args=args,
            end_answer_token="",
        )
    seconds = [b - a for a, b in pairwise([*starts, time.perf_counter()])]
    figures = {"seconds": seconds, "tokens": counts, "peak": mx.get_peak_memory()}
    figures["cpu"] = [b - a for a, b in pairwise([*cpu, time.process_time()])]
    figures["dtype"] = str(model.model.embed_tokens.weight.dtype).removeprefix("mlx.core.")
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    mx.save_safetensors = no_saving
    if "max_recommended_working_set_size" not in mx.device_info():  # its trainers ask for it, which a CPU has not
        mx.device_info = lambda: {"max_recommended_working_set_size": 0}
    main()
