"""Some steps of mlxrl's GRPO, run by the Python that has it: mlxrl_grpo_side.py JOB.json

The parts that its command line puts together, at their best settings: each prompt's cache computed once, all answers
of a step written at once where none ends early (where one does, its batched writing begins again one by one, and one by
one is used from the start), the log-probabilities of the writing taken over, learning in micro-batches of 8. Prints one
JSON line like mlx_lm_lora_grpo_side.py.
"""

import json
import sys
import time
from pathlib import Path

import mlx.core as mx
import mlx.optimizers as optim
import numpy as np
from mlx_lm.utils import load_tokenizer
from mlx_lm_lora_grpo_side import last_number
from mlx_lm_side import model_with_adapter
from mlxrl.algo import GRPOAlgorithm
from mlxrl.policy.logprobs import prepare_completion_logprob_inputs
from mlxrl.rollout import optimized
from mlxrl.rollout.naive import SamplingConfig
from mlxrl.train.grpo import GRPOBatch, old_policy_logprobs_from_rollouts, optimizer_step

PAD = 0
MICRO_BATCH_SIZE = 8


def batch_of(answers: tuple, rewards: list[float], group_size: int, algorithm: GRPOAlgorithm) -> GRPOBatch:
    """What its batch_from_rollouts makes, without asking the policy again for what it has just said."""
    prompts = tuple(answer.prompt_tokens for answer in answers)
    completions = tuple(answer.completion_tokens for answer in answers)
    old = old_policy_logprobs_from_rollouts(answers)
    scores = mx.array(rewards)
    return GRPOBatch(
        prompt_token_ids=prompts,
        completion_token_ids=completions,
        rewards=scores,
        advantages=algorithm.compute_advantages(scores, group_structure=group_size),
        old_policy_logprobs=old.logprobs,
        reference_logprobs=old.logprobs,
        mask=old.mask,
        reference_is_policy=True,
        logprob_inputs=prepare_completion_logprob_inputs(prompts, completions, pad_token_id=PAD),
    )


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    mx.random.seed(1)
    model = model_with_adapter(job)
    model.eval()
    tokenizer = load_tokenizer(Path(job["model"]))
    if job["fixed"]:  # every answer has the longest length
        optimized.eos_token_ids_from_tokenizer = lambda tokenizer: frozenset()
    rows = [json.loads(line) for line in Path(job["data"]).read_text().splitlines()]
    order = np.random.default_rng(0).permutation(len(rows))
    sampling = SamplingConfig(max_tokens=job["longest"], temperature=1.0, top_p=1.0)
    optimizer, algorithm, group = optim.AdamW(learning_rate=1e-4), GRPOAlgorithm(), job["group_size"]
    seconds, cpu, tokens, writing, rewarded = [], [], [], [], []
    mx.reset_peak_memory()
    for step in range(job["steps"]):
        start, start_cpu = time.perf_counter(), time.process_time()
        chosen = [rows[order[(step * job["batch_size"] + n) % len(rows)]] for n in range(job["batch_size"])]
        answers = optimized.generate_prefix_cached_group_rollouts(
            model, tokenizer, [row["question"] for row in chosen], group, sampling, batch_groups=job["fixed"]
        )
        writing.append(time.perf_counter() - start)
        expected = [chosen[answer.prompt_index]["answer"] for answer in answers]
        rewards = last_number([], [answer.text for answer in answers], expected, [])
        batch = batch_of(answers, rewards, group, algorithm)
        optimizer_step(model, optimizer, batch, 0.0, PAD, algorithm, micro_batch_size=MICRO_BATCH_SIZE)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
        tokens.append(sum(len(answer.completion_tokens) for answer in answers))
        groups = np.array(rewards).reshape(-1, group)
        rewarded.append(float((groups.std(axis=1) > 0).mean()))
    figures = {"seconds": seconds, "cpu": cpu, "tokens": tokens, "sampling": writing, "peak": mx.get_peak_memory()}
    figures |= {"dtype": str(model.model.embed_tokens.weight.dtype).removeprefix("mlx.core."), "varied": rewarded}
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
