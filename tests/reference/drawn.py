"""Runs drawn by chance, for run_drawn.py (TRL's side) and compare_drawn.py (Hone's): the same seed, the same runs.

A run is a dictionary in Hone's words: a method with its options, a model's family and shape, an adapter, the precision
of the base, a file of data/, and how it is trained. Needs nothing but Python.
"""

from random import Random
from typing import Any

STEPS = 5
ROLLOUT_STEPS = 3  # that data/rollouts.jsonl has answers for
DATA = {
    "sft": ("completion", "chat", "text"),
    "dpo": ("pairs", "pairs-chat"),
    "simpo": ("pairs-short",),
    "orpo": ("pairs-short",),
    "kto": ("thumbs", "thumbs-chat"),
    "distill": ("completion", "chat", "text"),
    "grpo": ("rollouts",),
}
# Each with the tokenizer whose template it has; shapes are drawn.
FAMILIES = {
    "llama": "llama-tiny",
    "qwen2": "qwen3-tiny",
    "qwen3": "qwen3-tiny",
    "gemma2": "llama-tiny",
    "gemma3_text": "llama-tiny",
    "mistral": "llama-tiny",
    "granite": "qwen3-tiny",
    "olmo2": "qwen3-tiny",
    "smollm3": "qwen3-tiny",
    "phi3": "llama-tiny",
}


def draw(seed: int, count: int) -> list[dict[str, Any]]:
    """So many runs, the methods in turn."""
    methods = list(DATA)
    return [_draw_run(Random(f"{seed}-{n}"), methods[n % len(methods)], n) for n in range(count)]


def _draw_run(random: Random, method: str, number: int) -> dict[str, Any]:
    family = random.choice(list(FAMILIES))
    adapter = _draw_adapter(random)
    is_full = adapter["type"] == "full"
    base = "none" if is_full else random.choice(("none", "none", "nf4", "fp4", "int8"))
    options = _draw_options(random, method, is_full)
    return {
        "name": f"{number:03d}-{method}-{family}-{adapter['type']}-{base}",
        "seed": random.randrange(1 << 30),
        "method": method,
        "family": family,
        "tokenizer": FAMILIES[family],
        "shape": _draw_shape(random, family),
        "data": random.choice(DATA[method]),
        "adapter": adapter,
        "base": base,
        "options": options,
        "train": _draw_training(random, method, options, is_full),
    }


def _draw_shape(random: Random, family: str) -> dict[str, int]:
    heads, groups = random.choice(((4, 2), (6, 3), (5, 1), (4, 4)))
    head = random.choice((8, 10, 12))
    shape = {
        "hidden_size": heads * head,
        "intermediate_size": random.choice((40, 56, 72)),
        "num_hidden_layers": random.choice((2, 3)),
        "num_attention_heads": heads,
        "num_key_value_heads": groups,
    }
    if family in ("gemma2", "gemma3_text"):
        shape |= {"head_dim": head, "query_pre_attn_scalar": head, "sliding_window": 512}
    return shape | ({"head_dim": head} if family in ("qwen3", "llama", "mistral") else {})


def _draw_adapter(random: Random) -> dict[str, Any]:
    kind = random.choice(("lora", "lora", "dora", "rslora", "full"))
    if kind == "full":
        return {"type": "full"}
    rank = random.choice((1, 3, 5, 8))
    return {"type": "dora" if kind == "dora" else "lora", "rslora": kind == "rslora", "rank": rank, "alpha": rank * 1.5}


def _draw_options(random: Random, method: str, is_full: bool) -> dict[str, Any]:
    o: dict[str, Any] = {}
    if method == "dpo":
        o = {"loss_type": random.choice(("sigmoid", "ipo", "hinge", "robust")), "beta": random.choice((0.05, 0.1, 0.5))}
        if o["loss_type"] == "robust":
            o["label_smoothing"] = random.choice((0.1, 0.3))
        if random.random() < 0.3:
            o["sft_weight"] = 0.7
    elif method == "simpo":
        o = {"beta": random.choice((1.0, 2.0)), "gamma": random.choice((0.0, 0.5, 1.5))}
        o["nll_weight"] = random.choice((0.0, 0.5))
    elif method == "orpo":
        o = {"beta": random.choice((0.05, 0.1, 1.0))}
    elif method == "kto":
        o = {"beta": random.choice((0.05, 0.1, 0.5)), "desirable_weight": random.choice((0.5, 1.0, 1.33))}
    elif method == "distill":
        o = {"divergence": random.choice(("forward", "reverse", "jsd")), "temperature": random.choice((1.0, 0.7, 2.0))}
        if o["divergence"] == "jsd":
            o["jsd_weight"] = random.choice((0.2, 0.5, 0.8))
        o["hard_weight"] = random.choice((0.0, 0.0, 0.4))
    elif method == "grpo":
        o = {"loss_type": random.choice(("grpo", "bnpo", "dr_grpo", "dapo")), "group_size": 4}
        o |= {"scale_rewards": random.choice(("group", "batch", "none")), "max_completion_length": 12}
        o |= {"num_iterations": random.choice((1, 2)), "epsilon": random.choice((0.1, 0.2))}
        o |= {"temperature": random.choice((1.0, 0.8)), "overlong_filter": random.random() < 0.3}
        o |= {"epsilon_high": random.choice((None, 0.28)), "micro_batch_size": random.choice((4, 8, 16))}
        o["beta"] = random.choice((0.0, 0.1))
        if o["beta"]:
            o["use_bias_correction_kl"] = random.random() < 0.5
    if method in ("dpo", "kto") and not is_full:
        o["reference"] = random.choice(("base", "initial"))
    return o


def _draw_training(random: Random, method: str, options: dict[str, Any], is_full: bool) -> dict[str, Any]:
    """Rows that fit into whole windows: of others TRL takes the mean of means, except with SFT and distillation. KTO's
    batches leave no single row, whose mismatched answer TRL takes from itself.
    """
    counts_tokens = method in ("sft", "distill")
    batch_size, accumulation = random.choice(
        ((2, 1), (3, 1), (4, 1), (2, 3), (3, 2)) if counts_tokens else ((2, 1), (4, 1) if method == "kto" else (3, 1))
    )
    steps = min(STEPS, ROLLOUT_STEPS * options["num_iterations"]) if method == "grpo" else STEPS
    return {
        "steps": steps,
        "batch_size": batch_size,
        "gradient_accumulation_steps": accumulation,
        "learning_rate": 5e-5 if is_full else random.choice((1e-4, 5e-4)),
        "lr_schedule": random.choice(("constant", "linear", "cosine")),
        "warmup_steps": random.choice((0, 1, 2)),
        "weight_decay": random.choice((0.0, 0.1)),
        "max_grad_norm": random.choice((0.0, 0.5, 5.0)),
        "max_seq_len": random.choice((512, 60)) if method == "sft" else 512,
    }
