"""What TRL, PEFT and bitsandbytes do in runs drawn by chance: python run_drawn.py FOLDER SEED [COUNT]

Writes into FOLDER the drawn models, the adapters to start from, peers.json with the runs and their steps, and the
weights before and after. compare_drawn.py then lets Hone do the same. As in make_preference.py everything is float32 on
one CPU thread in the file's order.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import peft
import torch
import trl
import trl.trainer.grpo_trainer
from drawn import draw
from make_peft import Kind, packed, to_mlx
from make_preference import HERE, METRICS, Distiller, as_learned, read
from make_sft import Case as SFTCase
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer
from trl_runs import SETTINGS, Recorder, compute_alike, versions

LINEAR = "all-linear"
VOCABULARY = 384  # of both tokenizers


def main() -> None:
    compute_alike()
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    runs = draw(seed, int(sys.argv[3]) if sys.argv[3:] else 70)
    for case in runs:
        case["steps"] = run(case, folder)
        print(case["name"], case["steps"][0], flush=True)
    (folder / "peers.json").write_text(json.dumps({"seed": seed, "versions": versions(), "runs": runs}, indent=1))


def run(case: dict[str, Any], folder: Path) -> list[dict[str, float]]:
    """The steps of one run; its model, start and end go to FOLDER/NAME."""
    place = folder / case["name"]
    write_model(case, place / "model", case["seed"])
    if case["method"] == "distill":
        write_model(case, place / "teacher", case["seed"] + 1)
    model = with_adapter(case, load(case, place / "model"), place / "start")
    save(case, model, place / "start.safetensors")
    recorder = Recorder(METRICS)
    with tempfile.TemporaryDirectory() as output:
        build(case, model, place, output, recorder).train()
    save(case, model, place / "end.safetensors")
    return recorder.steps


def write_model(case: dict[str, Any], folder: Path, seed: int) -> None:
    """A model of the drawn shape with random weights, large enough that every part of it tells in the logits."""
    shutil.copytree(HERE / "models" / case["tokenizer"], folder, dirs_exist_ok=True)
    told = json.loads((folder / "config.json").read_text())
    ends = {key: told.get(key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = AutoConfig.for_model(case["family"], vocab_size=VOCABULARY, **case["shape"], **ends)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in model.parameters():
            drawn = torch.randn(value.shape, generator=random)
            value.copy_(drawn * 1.2 / value.shape[-1] ** 0.5) if value.ndim > 1 else value.add_(0.1 * drawn)
    model.save_pretrained(folder)


def load(case: dict[str, Any], folder: Path) -> torch.nn.Module:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    packed(model, Kind(SFTCase("", ""), base=case["base"]))
    return model


def with_adapter(case: dict[str, Any], model: torch.nn.Module, folder: Path) -> torch.nn.Module:
    """The model with an adapter that is not zero, which goes to the folder; the model itself for full fine-tuning."""
    a = case["adapter"]
    if a["type"] == "full":
        return model
    kind = {"use_dora": a["type"] == "dora", "use_rslora": a["rslora"]}
    config = peft.LoraConfig(
        r=a["rank"], lora_alpha=a["alpha"], target_modules=LINEAR, lora_dropout=0.0, task_type="CAUSAL_LM", **kind
    )
    adapted = peft.get_peft_model(model, config)
    random = np.random.default_rng(case["seed"])
    with torch.no_grad():
        for key, value in adapted.named_parameters():
            drawn = torch.from_numpy(random.standard_normal(tuple(value.shape))).float()
            if "lora_A" in key or "lora_B" in key:
                value.copy_(drawn * 0.08)
            elif "lora_magnitude" in key:
                value.mul_(1 + 0.05 * drawn)
    adapted.save_pretrained(folder)
    return adapted


def save(case: dict[str, Any], model: torch.nn.Module, path: Path) -> None:
    """The trained tensors under mlx-lm's names."""
    if case["adapter"]["type"] == "full":
        found = {name: value.detach() for name, value in model.named_parameters()}
    else:
        found = {name: value for name, value in to_mlx(model).items() if ".ref." not in name}
    save_file({name: value.contiguous().clone() for name, value in found.items()}, path)


def build(case: dict[str, Any], model: Any, place: Path, output: str, recorder: Recorder) -> Any:
    """TRL's trainer for the run."""
    t, o, method = case["train"], case["options"], case["method"]
    schedule = t["lr_schedule"]
    common = {
        "output_dir": output,
        "max_steps": t["steps"],
        "per_device_train_batch_size": t["batch_size"],
        "gradient_accumulation_steps": t["gradient_accumulation_steps"],
        "learning_rate": t["learning_rate"],
        "lr_scheduler_type": "constant_with_warmup" if schedule == "constant" else schedule,
        "warmup_steps": t["warmup_steps"],
        "weight_decay": t["weight_decay"],
        "max_grad_norm": t["max_grad_norm"],
        **SETTINGS,
    }
    tokenizer = AutoTokenizer.from_pretrained(place / "model")
    given = {"model": model, "processing_class": tokenizer, "callbacks": [recorder]}
    if method == "grpo":
        return build_grpo(case, common, given)
    common |= {"max_length": t["max_seq_len"], "train_sampling_strategy": "sequential"}
    given["train_dataset"] = datasets.Dataset.from_list(read(case["data"]))
    if method in ("dpo", "kto"):
        given["ref_model"] = load(case, place / "model") if o.get("reference") == "base" else None
        if method == "kto":
            own = {key: o[key] for key in ("beta", "desirable_weight")}
            trainer = trl.KTOTrainer(args=trl.KTOConfig(**common, **own), **given)
            about = {"batched": True, "batch_size": t["batch_size"], "fn_kwargs": {"longest": t["max_seq_len"]}}
            trainer.train_dataset = trainer.train_dataset.map(as_learned, **about)
            return trainer
        kinds = [o["loss_type"], "sft"] if "sft_weight" in o else [o["loss_type"]]
        own = {"loss_type": kinds, "loss_weights": [1.0, o.get("sft_weight", 0.0)][: len(kinds)]}
        own |= {"beta": o["beta"], "label_smoothing": o.get("label_smoothing", 0.0)}
        return trl.DPOTrainer(args=trl.DPOConfig(**common, **own), **given)
    if method == "simpo":
        own = {"beta": o["beta"], "simpo_gamma": o["gamma"], "cpo_alpha": o["nll_weight"]}
        return CPOTrainer(args=CPOConfig(loss_type="simpo", **own, **common), **given)
    if method == "orpo":
        return ORPOTrainer(args=ORPOConfig(beta=o["beta"], **common), **given)
    arguments = trl.SFTConfig(completion_only_loss=None, **common)
    if method == "sft":
        return trl.SFTTrainer(args=arguments, **given)
    trainer = Distiller(args=arguments, **given)
    teacher = AutoModelForCausalLM.from_pretrained(place / "teacher", dtype=torch.float32, attn_implementation="eager")
    trainer.teacher, trainer.about = teacher.eval(), o
    return trainer


def build_grpo(case: dict[str, Any], common: dict[str, Any], given: dict[str, Any]) -> Any:
    """GRPOTrainer with the recorded answers, in their order; each that was not cut gets the model's own end."""
    o, groups = case["options"], read("rollouts")
    group_size, end = o["group_size"], given["processing_class"].eos_token_id
    prompts_per_step = len(groups) // max(group["step"] for group in groups)
    rewards: list[float] = []

    def answers(prompts: list[str], trainer: Any) -> dict[str, Any]:
        found: dict[str, Any] = {"prompt_ids": [], "completion_ids": [], "logprobs": None}
        rewards.clear()
        for place, prompt in enumerate(prompts):
            group = groups[int(prompt)]
            answer = group["answers"][place % group_size]
            found["prompt_ids"].append(group["prompt_ids"])
            found["completion_ids"].append(answer["ids"] if answer["cut"] else [*answer["ids"][:-1], end])
            rewards.append(answer["reward"])
        return found

    trl.trainer.grpo_trainer.shuffle_sequence_dict = lambda rows: rows
    same = ("loss_type", "scale_rewards", "beta", "use_bias_correction_kl", "num_iterations", "epsilon", "epsilon_high")
    own = {key: o[key] for key in (*same, "temperature", "max_completion_length") if key in o}
    common["per_device_train_batch_size"] = o["micro_batch_size"]
    common["gradient_accumulation_steps"] = prompts_per_step * group_size // o["micro_batch_size"]
    own |= {"num_generations": group_size, "mask_truncated_completions": o["overlong_filter"], "shuffle_dataset": False}
    return trl.GRPOTrainer(
        reward_funcs=lambda completion_ids, **about: list(rewards),
        rollout_func=answers,
        args=trl.GRPOConfig(**own, **common),
        train_dataset=datasets.Dataset.from_list([{"prompt": str(n)} for n in range(len(groups))]),
        **given,
    )


if __name__ == "__main__":
    main()
