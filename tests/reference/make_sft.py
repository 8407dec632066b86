"""Writes sft.json and sft/: what TRL's SFTTrainer does with the tiny models, step by step.

Every case is float32 on one CPU thread, in the file's order, at a constant learning rate, without dropout.
A step's loss is the one before its update, over all targets of the accumulation window; its gradient norm
is the one before clipping. Nothing is rounded. Run make_models.py and make_adapters.py first.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import peft
import torch
import transformers
import trl
from make_adapters import to_mlx
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl_runs import SETTINGS, Recorder, compute_alike, versions

HERE = Path(__file__).parent
STEPS = 8

# The models' own templates with markers around what is learned, for TRL's assistant_only_loss. As in the training
# templates that TRL ships for Qwen3 and Llama 3, an answer ends with its end-of-turn token and, in ChatML, the
# newline after it. `check_template` makes sure that they write the same text.
LEARNED = {
    "qwen3-tiny": (
        "{%- for message in messages %}"
        "{{- '<|im_start|>' + message.role + '\\n' }}"
        "{%- if message.role == 'assistant' %}"
        "{%- generation %}{{- message.content + '<|im_end|>\\n' }}{%- endgeneration %}"
        "{%- else %}{{- message.content + '<|im_end|>\\n' }}{%- endif %}"
        "{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
    ),
    "llama-tiny": (
        "{%- for message in messages %}"
        "{%- if loop.first %}{{- bos_token }}{%- endif %}"
        "{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' }}"
        "{%- if message.role == 'assistant' %}"
        "{%- generation %}{{- message.content | trim + '<|eot_id|>' }}{%- endgeneration %}"
        "{%- else %}{{- message.content | trim + '<|eot_id|>' }}{%- endif %}"
        "{%- endfor %}"
        "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
    ),
}


@dataclass(frozen=True)
class Case:
    """One training run, in Hone's words. Without `adapter` every weight is trained."""

    model: str
    data: str  # the file's name in data/
    adapter: bool = True
    train_on: str = "answers"
    max_seq_len: int = 512
    gradient_accumulation_steps: int = 1
    batch_size: int = 2
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0


CASES = {
    # Every token of a plain text is learned. Some steps are clipped, some are not.
    "text": Case("qwen3-tiny", "text", max_grad_norm=4.3),
    # 21 rows are 11 micro-batches: the last window of an epoch has two of them, and the last of these one row.
    "text-accumulated": Case("llama-tiny", "text", gradient_accumulation_steps=3),
    # Prompt and completion as raw strings: only the completion is learned. No step is clipped.
    "completion": Case("llama-tiny", "completion", max_grad_norm=100.0),
    "completion-accumulated": Case("qwen3-tiny", "completion", gradient_accumulation_steps=3, weight_decay=0.1),
    # The whole text is learned, and clipping is switched off.
    "completion-all": Case("llama-tiny", "completion", train_on="all", max_grad_norm=0.0),
    # Some rows lose their end, and those whose prompt fills the cut are dropped.
    "completion-cut": Case("qwen3-tiny", "completion", max_seq_len=40, gradient_accumulation_steps=3),
    # Conversations of several turns: every answer, the last one, or the whole text.
    "messages": Case("qwen3-tiny", "messages"),
    "messages-accumulated": Case("llama-tiny", "messages", gradient_accumulation_steps=3),
    "messages-last": Case("qwen3-tiny", "messages", train_on="last", gradient_accumulation_steps=3, max_grad_norm=3.4),
    "messages-all": Case("llama-tiny", "messages", train_on="all"),
    # Prompt and completion as lists of messages: only the completion is learned, not earlier answers in the prompt.
    "chat": Case("llama-tiny", "chat", batch_size=4),
    # Full fine-tuning: weight decay leaves the norms alone.
    "full": Case(
        "qwen3-tiny",
        "messages",
        adapter=False,
        gradient_accumulation_steps=3,
        learning_rate=2e-4,
        weight_decay=0.1,
    ),
}


def main() -> None:
    compute_alike()
    (HERE / "sft").mkdir(exist_ok=True)
    results = {name: run(name, case) for name, case in CASES.items()}
    text = json.dumps({"versions": versions(), "cases": results}, ensure_ascii=False)
    (HERE / "sft.json").write_text(text.replace('}, "', '},\n"') + "\n", encoding="utf-8")


def run(name: str, case: Case) -> dict[str, Any]:
    """Trains one case; the final weights go to sft/, the rest is returned."""
    folder = HERE / "models" / case.model
    tokenizer = AutoTokenizer.from_pretrained(folder)
    check_template(tokenizer, case.model)
    every_answer = case.data == "messages" and case.train_on == "answers"
    if every_answer:
        tokenizer.chat_template = LEARNED[case.model]

    transformers.set_seed(0)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if case.adapter:
        model = peft.PeftModel.from_pretrained(model, HERE / "adapters" / f"{case.model}-peft", is_trainable=True)

    trainer, steps = learn(model, tokenizer, case, every_answer)
    prepared = list(trainer.train_dataset)
    print(name, *(repr(tokenizer.decode([t for t in row["labels"] if t >= 0])) for row in prepared[:2]), sep="\n  ")
    final = to_mlx(model) if case.adapter else {k: v.detach() for k, v in model.named_parameters()}
    save_file(final, HERE / "sft" / f"{name}.safetensors")
    options = {k: v for k, v in vars(case).items() if k not in ("model", "data", "adapter")}
    return {
        "model": case.model,
        "data": case.data,
        "adapter": f"{case.model}-mlx" if case.adapter else None,
        "options": options,
        "steps": steps,
        # The rows that are left, in order. "1" marks what TRL gives a label; the first token never is a target.
        "rows": [{"tokens": row["input_ids"], "targets": targets(row["labels"])} for row in prepared],
    }


def learn(
    model: torch.nn.Module, tokenizer: Any, case: Case, every_answer: bool, optimizer: Any = None
) -> tuple[trl.SFTTrainer, list[dict[str, float]]]:
    """(the trainer at its end, what it logged) of STEPS steps; AdamW unless another optimizer is given."""
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as output:
        trainer = trl.SFTTrainer(
            model=model,
            args=trl.SFTConfig(
                output_dir=output,
                max_steps=STEPS,
                per_device_train_batch_size=case.batch_size,
                gradient_accumulation_steps=case.gradient_accumulation_steps,
                learning_rate=case.learning_rate,
                lr_scheduler_type="constant",
                warmup_steps=0,
                weight_decay=case.weight_decay,
                max_grad_norm=case.max_grad_norm,
                max_length=case.max_seq_len,
                completion_only_loss=None if case.train_on != "all" else False,
                assistant_only_loss=every_answer,
                train_sampling_strategy="sequential",
                **SETTINGS,
            ),
            train_dataset=datasets.Dataset.from_list(rows(case)),
            processing_class=tokenizer,
            callbacks=[recorder],
            optimizers=(optimizer, None),
        )
        trainer.train()

    assert len(recorder.steps) == STEPS
    return trainer, recorder.steps


def rows(case: Case) -> list[dict[str, Any]]:
    """The file's rows in the form in which TRL learns the part asked for."""
    found = [json.loads(line) for line in (HERE / "data" / f"{case.data}.jsonl").open(encoding="utf-8")]
    if case.data == "messages" and case.train_on == "last":
        return [{"prompt": row["messages"][:-1], "completion": row["messages"][-1:]} for row in found]
    return found


def targets(labels: list[int]) -> str:
    return "0" + "".join("01"[label != -100] for label in labels[1:])


def check_template(tokenizer: Any, model: str) -> None:
    """Stops where the template with markers writes another text than the model's own."""
    for row in (json.loads(line) for line in (HERE / "data" / "messages.jsonl").open(encoding="utf-8")):
        own = tokenizer.apply_chat_template(row["messages"], tokenize=False)
        marked = tokenizer.apply_chat_template(row["messages"], tokenize=False, chat_template=LEARNED[model])
        assert own == marked


if __name__ == "__main__":
    main()
