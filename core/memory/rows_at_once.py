"""How many rows, and how many answers that the model writes, go through it at once. Needs no MLX."""

from typing import Any

from core.run import Run

# At once on a processor: more made a step no quicker. So many answers are learned from together in any case, because
# each batch computes their prompt.
CPU_TOKENS, CPU_ANSWERS = 512, 8
PROMPTS_AT_ONCE = 64  # answers to a dataset's prompts that are written at once, at most


def learned_at_once(options: Any, device: str, tokens: int) -> int:
    """How many answers of so many tokens go through the model at once, over all parallel batches."""
    most = int(options.micro_batch_size)
    if device != "cpu" or options.loss_type == "bnpo":  # whose loss is a mean over the batch that was asked for
        return most
    return min(most, max(CPU_ANSWERS, CPU_TOKENS // tokens))


def rows_per_pass(run: Run, device: str) -> int:
    """Rows, or answers that the model wrote, which go through it at once."""
    if not run.spec.on_policy:
        return run.train.batch_size
    most = learned_at_once(run.options, device, run.options.max_completion_length)
    return most if run.options.replay else min(most, answers_per_step(run))


def answers_per_step(run: Run) -> int:
    """Answers that the model writes for a step."""
    prompts = run.train.batch_size * run.train.gradient_accumulation_steps
    return int(prompts * run.options.group_size if run.spec.on_policy else prompts)
