"""Writes data/rollouts.jsonl, grpo.json and grpo/: what TRL's GRPOTrainer does with fixed answers, step by step.

The answers are random tokens with random rewards, in the form of Hone's samples.jsonl; TRL gets them through its
`rollout_func`. They carry no log-probabilities: as TRL does, those of the model at the time are taken, once for all
updates from the same answers. The order of the answers is kept, where TRL would mix it. Everything else is as in
make_sft.py.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import datasets
import peft
import torch
import transformers
import trl
import trl.trainer.grpo_trainer
from make_adapters import to_mlx
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl_runs import SETTINGS, Recorder, compute_alike, versions

HERE = Path(__file__).parent
ROLLOUTS, PROMPTS, GROUP, LONGEST = 3, 4, 4, 12
VOCABULARY = 250  # below both models'; no special token among what is drawn


@dataclass(frozen=True)
class Case:
    """One training run, in Hone's words. `micro_batch_size` answers go through the model together."""

    model: str
    loss_type: str
    scale_rewards: str = "group"
    beta: float = 0.0
    use_bias_correction_kl: bool = True
    num_iterations: int = 1
    epsilon: float = 0.2
    epsilon_high: float | None = None
    temperature: float = 1.0
    overlong_filter: bool = False
    micro_batch_size: int = PROMPTS * GROUP
    learning_rate: float = 1e-3
    max_grad_norm: float = 1.0


CASES = {
    "grpo": Case("qwen3-tiny", "grpo"),
    # Several updates with a large step: tokens leave the clipping range on both sides.
    "grpo-iterated": Case("llama-tiny", "grpo", num_iterations=3, micro_batch_size=8, learning_rate=3e-3),
    "grpo-kl": Case(
        "llama-tiny", "grpo", beta=0.1, use_bias_correction_kl=False, micro_batch_size=4, scale_rewards="batch"
    ),
    "bnpo": Case("qwen3-tiny", "bnpo", micro_batch_size=8),
    "bnpo-kl": Case("llama-tiny", "bnpo", beta=0.04, num_iterations=2, micro_batch_size=4, epsilon=0.05),
    "dr_grpo": Case("llama-tiny", "dr_grpo", scale_rewards="none", micro_batch_size=8),
    "dr_grpo-kl": Case("qwen3-tiny", "dr_grpo", scale_rewards="none", beta=0.2, num_iterations=2, learning_rate=2e-3),
    "dapo": Case("llama-tiny", "dapo", epsilon_high=0.28, num_iterations=2, micro_batch_size=4, learning_rate=1e-3),
    "dapo-filtered": Case("qwen3-tiny", "dapo", epsilon_high=0.28, overlong_filter=True, micro_batch_size=8),
    "dapo-kl": Case("llama-tiny", "dapo", beta=0.1, temperature=0.7, num_iterations=2, micro_batch_size=8),
    "dapo-old-kl": Case("qwen3-tiny", "dapo", beta=0.1, use_bias_correction_kl=False, num_iterations=2),
}


def main() -> None:
    compute_alike()
    (HERE / "grpo").mkdir(exist_ok=True)
    write_rollouts()
    results = {name: run(name, case) for name, case in CASES.items()}
    text = json.dumps({"versions": versions(), "cases": results})
    (HERE / "grpo.json").write_text(text.replace('}, "', '},\n"') + "\n", encoding="utf-8")


def write_rollouts() -> None:
    """Groups of answers of different lengths; a cut answer is as long as allowed, a flat group has equal rewards."""
    rng = Random(6)
    lines = []
    for n in range(ROLLOUTS * PROMPTS):
        answers = []
        for k in range(GROUP):
            cut = rng.random() < 0.25
            length = LONGEST if cut else rng.randrange(2, LONGEST)
            ids = [rng.randrange(3, VOCABULARY) for _ in range(length)]
            reward = 0.5 if n % 5 == 2 else rng.choice([0.0, 0.0, 0.3, 1.0]) + 0.1 * k
            answers.append({"ids": ids, "reward": round(reward, 6), "cut": cut})
        prompt = [rng.randrange(3, VOCABULARY) for _ in range(rng.randrange(4, 14))]
        lines.append({"step": n // PROMPTS + 1, "prompt_ids": prompt, "answers": answers})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (HERE / "data" / "rollouts.jsonl").write_text(text, encoding="utf-8")


def run(name: str, case: Case) -> dict[str, Any]:
    """Trains one case; the final weights go to grpo/, the rest is returned."""
    folder = HERE / "models" / case.model
    tokenizer = AutoTokenizer.from_pretrained(folder)
    transformers.set_seed(0)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = peft.PeftModel.from_pretrained(model, HERE / "adapters" / f"{case.model}-peft", is_trainable=True)
    groups = [json.loads(line) for line in (HERE / "data" / "rollouts.jsonl").open(encoding="utf-8")]
    end = tokenizer.eos_token_id
    given: dict[tuple[int, ...], float] = {}

    def answers(prompts: list[str], trainer: Any) -> dict[str, Any]:
        """The recorded answers to the prompts, which are numbers of groups; those that were not cut get their end."""
        found: dict[str, Any] = {"prompt_ids": [], "completion_ids": [], "logprobs": None}
        for place, prompt in enumerate(prompts):
            group = groups[int(prompt)]
            answer = group["answers"][place % GROUP]
            ids = answer["ids"] if answer["cut"] else [*answer["ids"][:-1], end]
            given[tuple(ids)] = answer["reward"]
            found["prompt_ids"].append(group["prompt_ids"])
            found["completion_ids"].append(ids)
        return found

    def reward(completion_ids: list[list[int]], **about: Any) -> list[float]:
        return [given[tuple(ids)] for ids in completion_ids]

    trl.trainer.grpo_trainer.shuffle_sequence_dict = lambda rows: rows
    recorder = Recorder()
    accumulation = PROMPTS * GROUP // case.micro_batch_size
    steps = ROLLOUTS * case.num_iterations
    with tempfile.TemporaryDirectory() as output:
        trainer = trl.GRPOTrainer(
            model=model,
            reward_funcs=reward,
            rollout_func=answers,
            args=trl.GRPOConfig(
                output_dir=output,
                max_steps=steps,
                per_device_train_batch_size=case.micro_batch_size,
                gradient_accumulation_steps=accumulation,
                num_generations=GROUP,
                num_iterations=case.num_iterations,
                max_completion_length=LONGEST,
                shuffle_dataset=False,
                loss_type=case.loss_type,
                scale_rewards=case.scale_rewards,
                beta=case.beta,
                use_bias_correction_kl=case.use_bias_correction_kl,
                epsilon=case.epsilon,
                epsilon_high=case.epsilon_high,
                temperature=case.temperature,
                mask_truncated_completions=case.overlong_filter,
                learning_rate=case.learning_rate,
                lr_scheduler_type="constant",
                warmup_steps=0,
                weight_decay=0.0,
                max_grad_norm=case.max_grad_norm,
                **SETTINGS,
            ),
            train_dataset=datasets.Dataset.from_list([{"prompt": str(n)} for n in range(len(groups))]),
            processing_class=tokenizer,
            callbacks=[recorder],
        )
        trainer.train()
    assert len(recorder.steps) == steps
    print(name, *recorder.steps, sep="\n  ")
    final = {k: v for k, v in to_mlx(model).items() if ".ref." not in k}
    save_file(final, HERE / "grpo" / f"{name}.safetensors")
    options = {k: v for k, v in vars(case).items() if k != "model"}
    return {"model": case.model, "options": options, "eos": end, "steps": recorder.steps}


if __name__ == "__main__":
    main()
