"""Writes data/pairs*.jsonl, data/thumbs*.jsonl, preference.json and preference/: what TRL's DPOTrainer, KTOTrainer,
CPOTrainer (SimPO), ORPOTrainer and the divergence of its GKDTrainer do, step by step.

Every case is float32 on one CPU thread, in the file's order, at a constant learning rate, without dropout, from an
adapter that is not zero. The reference is the model without it ("base", given to TRL as a second model) or the
adapter as it was ("initial", TRL's own choice for a PEFT model). Run make_models.py and make_adapters.py first.
"""

import json
import tempfile
from dataclasses import dataclass, field
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
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.gkd import GKDTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer
from trl_runs import SETTINGS, Recorder, compute_alike, versions

HERE = Path(__file__).parent
STEPS, ROWS = 8, 16
METRICS = {
    "rewards/chosen": "chosen_reward",
    "rewards/rejected": "rejected_reward",
    "rewards/margins": "margin",
    "rewards/accuracies": "accuracy",
    "kl": "kl",
}


@dataclass(frozen=True)
class Case:
    """One training run, in Hone's words. Without `adapter` every weight is trained. `options` are the method's."""

    method: str
    model: str
    data: str  # the file's name in data/
    options: dict[str, Any] = field(default_factory=dict)
    adapter: bool = True
    max_seq_len: int = 512
    gradient_accumulation_steps: int = 1
    batch_size: int = 2
    learning_rate: float = 1e-3
    max_grad_norm: float = 1.0


BASE, INITIAL = {"reference": "base"}, {"reference": "initial"}
CASES = {
    "dpo": Case("dpo", "qwen3-tiny", "pairs-chat", BASE),
    "dpo-initial": Case("dpo", "llama-tiny", "pairs-chat", INITIAL | {"beta": 0.5}),
    "dpo-raw": Case("dpo", "llama-tiny", "pairs", BASE, gradient_accumulation_steps=2),
    # Some answers lose their end; pairs whose question fills the cut are dropped.
    "dpo-cut": Case("dpo", "qwen3-tiny", "pairs", BASE, max_seq_len=40, gradient_accumulation_steps=2),
    "dpo-ipo": Case("dpo", "llama-tiny", "pairs-chat", BASE | {"loss_type": "ipo"}, gradient_accumulation_steps=2),
    "dpo-ipo-initial": Case("dpo", "qwen3-tiny", "pairs", INITIAL | {"loss_type": "ipo", "beta": 0.3}),
    "dpo-hinge": Case("dpo", "qwen3-tiny", "pairs-chat", BASE | {"loss_type": "hinge"}, batch_size=4),
    "dpo-robust": Case("dpo", "llama-tiny", "pairs", BASE | {"loss_type": "robust", "label_smoothing": 0.2}),
    "dpo-sft": Case("dpo", "qwen3-tiny", "pairs-chat", INITIAL | {"sft_weight": 0.5}),
    "dpo-full": Case("dpo", "qwen3-tiny", "pairs-chat", adapter=False, learning_rate=2e-4),
    "simpo": Case("simpo", "qwen3-tiny", "pairs-short"),
    "simpo-nll": Case(
        "simpo",
        "llama-tiny",
        "pairs-short",
        {"beta": 1.5, "gamma": 0.7, "nll_weight": 0.5},
        gradient_accumulation_steps=2,
    ),
    "orpo": Case("orpo", "llama-tiny", "pairs-short"),
    "orpo-accumulated": Case("orpo", "qwen3-tiny", "pairs-short", {"beta": 0.4}, gradient_accumulation_steps=2),
    "orpo-cut": Case("orpo", "llama-tiny", "pairs-short", max_seq_len=40),
    "kto": Case("kto", "qwen3-tiny", "thumbs-chat", BASE, batch_size=4),
    "kto-initial": Case(
        "kto", "llama-tiny", "thumbs", INITIAL | {"desirable_weight": 1.2, "undesirable_weight": 0.7}, batch_size=4
    ),
    "kto-accumulated": Case(
        "kto", "llama-tiny", "thumbs-chat", BASE | {"beta": 0.3}, batch_size=4, gradient_accumulation_steps=2
    ),
    # The teacher is the model without the adapter.
    "distill-forward": Case("distill", "qwen3-tiny", "completion", {"divergence": "forward"}),
    "distill-reverse": Case("distill", "llama-tiny", "chat", {"divergence": "reverse"}, gradient_accumulation_steps=3),
    # Hone's divergence at a temperature counts T squared times TRL's; without clipping the norm does, too.
    "distill-jsd": Case(
        "distill", "qwen3-tiny", "chat", {"divergence": "jsd", "jsd_weight": 0.3, "temperature": 2.0}, max_grad_norm=0.0
    ),
    "distill-mixed": Case(
        "distill", "llama-tiny", "completion", {"divergence": "forward", "hard_weight": 0.25}, max_seq_len=40
    ),
}


class Distiller(trl.SFTTrainer):  # type: ignore[misc]
    """SFT's data, with the loss of GKD on fixed answers. What GKD's own trainer lacks: a temperature and a mix."""

    teacher: Any
    about: dict[str, Any]

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs.pop("labels")
        student = model(**inputs).logits[:, :-1]
        with torch.no_grad():
            teacher = self.teacher(**inputs).logits[:, :-1]
        o = self.about
        beta = {"forward": 0.0, "reverse": 1.0, "jsd": o.get("jsd_weight", 0.5)}[o["divergence"]]
        t = o.get("temperature", 1.0)
        far = GKDTrainer.generalized_jsd_loss(
            student, teacher, labels[:, 1:], beta=beta, temperature=t, num_items_in_batch=num_items_in_batch
        )
        hard = torch.nn.functional.cross_entropy(
            student.reshape(-1, student.shape[-1]), labels[:, 1:].reshape(-1), reduction="sum", ignore_index=-100
        )
        w = o.get("hard_weight", 0.0)
        return (1 - w) * t * t * far + w * hard / num_items_in_batch


def main() -> None:
    compute_alike()
    write_data()
    (HERE / "preference").mkdir(exist_ok=True)
    results = {}
    for name, case in CASES.items():
        results[name], final = run(name, case)
        save_file(final, HERE / "preference" / f"{name}.safetensors")
    text = json.dumps({"versions": versions(), "cases": results}, ensure_ascii=False)
    (HERE / "preference.json").write_text(text.replace('}, "', '},\n"') + "\n", encoding="utf-8")


def write_data() -> None:
    """Pairs and thumbs, made from the rows of completion.jsonl and chat.jsonl with an answer of another row."""
    for source, ending in (("completion", ""), ("chat", "-chat")):
        rows = read(source)
        pairs = [
            {"prompt": r["prompt"], "chosen": r["completion"], "rejected": rows[(n + 5) % len(rows)]["completion"]}
            for n, r in enumerate(rows[:ROWS])
        ]
        thumbs = [
            {"prompt": r["prompt"], "completion": p["chosen" if n % 3 else "rejected"], "label": n % 3 > 0}
            for n, (r, p) in enumerate(zip(rows[:ROWS], pairs, strict=True))
        ]
        write(f"pairs{ending}", pairs)
        write(f"thumbs{ending}", thumbs)
        if not ending:
            # CPOTrainer and ORPOTrainer keep a question that fills the cut, with no answer, and let the two answers
            # of a pair start at different tokens where a question ends in a space. Hone does as DPOTrainer.
            write("pairs-short", [p for p in pairs if len(p["prompt"]) < 60 and not p["prompt"].endswith(" ")])


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / "data" / f"{name}.jsonl").open(encoding="utf-8")]


def write(name: str, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (HERE / "data" / f"{name}.jsonl").write_text(text, encoding="utf-8")


def run(name: str, case: Case) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """(what a case was and did step by step, the final weights)."""
    folder = HERE / "models" / case.model
    transformers.set_seed(0)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    if case.adapter:
        model = peft.PeftModel.from_pretrained(model, HERE / "adapters" / f"{case.model}-peft", is_trainable=True)
    recorder = Recorder(METRICS)
    with tempfile.TemporaryDirectory() as output:
        trainer = build(case, model, output, recorder)
        trainer.train()
    assert len(recorder.steps) == STEPS
    print(name, recorder.steps[0], recorder.steps[-1])
    final = to_mlx(model) if case.adapter else {k: v.detach() for k, v in model.named_parameters()}
    about = {k: v for k, v in vars(case).items() if k not in ("model", "data", "adapter", "method")}
    told = {
        "method": case.method,
        "model": case.model,
        "data": case.data,
        "adapter": f"{case.model}-mlx" if case.adapter else None,
        "settings": about,
        "steps": recorder.steps,
    }
    return told, final


def build(case: Case, model: Any, output: str, recorder: Recorder) -> Any:
    """TRL's trainer for the case."""
    o = case.options
    common = {
        "output_dir": output,
        "max_steps": STEPS,
        "per_device_train_batch_size": case.batch_size,
        "gradient_accumulation_steps": case.gradient_accumulation_steps,
        "learning_rate": case.learning_rate,
        "lr_scheduler_type": "constant",
        "warmup_steps": 0,
        "weight_decay": 0.0,
        "max_grad_norm": case.max_grad_norm,
        "max_length": case.max_seq_len,
        "train_sampling_strategy": "sequential",
        **SETTINGS,
    }
    given = {
        "model": model,
        "train_dataset": datasets.Dataset.from_list(read(case.data)),
        "processing_class": AutoTokenizer.from_pretrained(HERE / "models" / case.model),
        "callbacks": [recorder],
    }
    if case.method in ("dpo", "kto"):
        second = AutoModelForCausalLM.from_pretrained(HERE / "models" / case.model, dtype=torch.float32)
        given["ref_model"] = second if o.get("reference") == "base" else None
        beta = {"beta": o.get("beta", 0.1)}
        if case.method == "kto":
            weights = {k: o[k] for k in ("desirable_weight", "undesirable_weight") if k in o}
            trainer = trl.KTOTrainer(args=trl.KTOConfig(**common, **beta, **weights), **given)
            about = {"batched": True, "batch_size": case.batch_size, "fn_kwargs": {"longest": case.max_seq_len}}
            trainer.train_dataset = trainer.train_dataset.map(as_learned, **about)
            return trainer
        kinds, weights = [o.get("loss_type", "sigmoid")], [1.0]
        if kinds == ["sigmoid"] and "label_smoothing" in o:
            # TRL's sigmoid ignores it. Its "aot" does not, and sorts pairs: of a single one it is the same rule.
            assert case.batch_size == 1
            kinds = ["aot"]
        if "sft_weight" in o:
            kinds, weights = [*kinds, "sft"], [*weights, o["sft_weight"]]
        more = {"loss_type": kinds, "loss_weights": weights, "label_smoothing": o.get("label_smoothing", 0.0)}
        return trl.DPOTrainer(args=trl.DPOConfig(**common, **beta, **more), **given)
    if case.method == "simpo":
        about = {"beta": o.get("beta", 2.0), "simpo_gamma": o.get("gamma", 0.5), "cpo_alpha": o.get("nll_weight", 0.0)}
        return CPOTrainer(args=CPOConfig(loss_type="simpo", **about, **common), **given)
    if case.method == "orpo":
        return ORPOTrainer(args=ORPOConfig(beta=o.get("beta", 0.1), **common), **given)
    trainer = Distiller(args=trl.SFTConfig(completion_only_loss=None, **common), **given)
    trainer.teacher = AutoModelForCausalLM.from_pretrained(HERE / "models" / case.model, dtype=torch.float32).eval()
    trainer.about = o
    return trainer


def as_learned(rows: dict[str, list[Any]], longest: int) -> dict[str, list[Any]]:
    """KTO's mismatched answers as far as they are learned in their own rows; TRL cuts them after the other question."""
    answers = [a[: longest - len(q)] for q, a in zip(rows["prompt_ids"], rows["completion_ids"], strict=True)]
    return {"KL_completion_ids": [answers[-1], *answers[:-1]]}


if __name__ == "__main__":
    main()
