"""What options and commands are called elsewhere: who types a name of TRL, PEFT, mlx-lm or llama.cpp is told ours."""

from collections.abc import Collection, Iterable, Mapping

from core.option_values import nearest

# By our flag, as each is called in other programs; without the dashes in front.
_FLAGS = {
    "--dataset": "data train-data train-file dataset-name input-file",
    "--eval-dataset": "val-data valid-data validation-file eval-data",
    "--eval-split": "val-split validation-split test-size",
    "--output": "output-dir adapter-path out out-dir save-path save-dir output-path run-dir",
    "--model": "model-name model-name-or-path base-model model-path",
    "--steps": "iters iterations max-steps num-steps train-steps",
    "--epochs": "num-train-epochs num-epochs",
    "--batch-size": "per-device-train-batch-size train-batch-size per-device-batch-size",
    "--gradient-accumulation-steps": "grad-accum grad-accumulation-steps accumulation-steps accum-steps",
    "--gradient-checkpointing": "grad-checkpoint checkpointing activation-checkpointing",
    "--learning-rate": "lr",
    "--lr-schedule": "lr-scheduler-type lr-scheduler scheduler",
    "--warmup-steps": "warmup warmup-ratio",
    "--optimizer": "optim",
    "--max-grad-norm": "gradient-clipping clip-grad grad-clip",
    "--max-seq-len": "max-length max-seq-length max-sequence-length cutoff-len block-size context-length",
    "--train-on": "mask-prompt completion-only-loss assistant-only-loss train-on-inputs train-on-completions",
    "--adapter": "fine-tune-type train-type peft-type finetuning-type lora full",
    "--dora": "use-dora",
    "--rslora": "use-rslora",
    "--lora-r": "rank r lora-rank lora-dim",
    "--lora-alpha": "alpha",
    "--lora-dropout": "dropout",
    "--lora-targets": "target-modules lora-target-modules lora-target keys",
    "--lora-layers": "num-layers layers",
    "--init-adapter": "resume-adapter-file",
    "--resume": "resume-from-checkpoint",
    "--quantization": "load-in-4bit load-in-8bit bits q-bits quantize quant bnb-4bit-quant-type q-mode",
    "--dtype": "bf16 fp16 torch-dtype precision",
    "--backend": "device accelerator",
    "--ranks": "gpus num-gpus nproc-per-node num-processes",
    "--eval-every": "eval-steps steps-per-eval",
    "--save-every": "save-steps",
    "--keep-checkpoints": "save-total-limit",
    "--early-stop": "early-stopping early-stopping-patience patience",
    "--keep-best": "load-best-model-at-end",
    "--rewards": "reward-funcs reward-functions reward",
    "--reward-file": "reward-functions-file",
    "--group-size": "num-generations",
    "--max-completion-length": "max-new-tokens max-response-length",
    "--max-new-tokens": "max-completion-length max-response-length",
    "--max-tokens": "max-new-tokens n-predict",
    "--teacher": "teacher-model teacher-model-name-or-path",
    "--reference": "reference-model ref-model reference-model-path",
    "--temperature": "temp",
    "--columns": "column-mapping prompt-feature completion-feature text-column",
    "--chat-template": "chat-template-path template",
    "--to": "format outtype",
    "--adapter-path": "adapter adapters lora-path",
}
_METHOD = ("--method", "--goal", "--task", "--trainer", "--train-mode", "--stage", "--algorithm", "--loss")
_COMMANDS = {
    "train": "lora finetune fine-tune tune",
    "chat": "generate run talk infer",
    "export": "convert save gguf push upload",
    "eval": "evaluate test benchmark",
    "quantize": "awq dwq gptq",
    "serve": "server api",
    "distill": "gkd distillation distil",
}  # fmt: skip


def nearest_flag(flag: str, flags: Collection[str], methods: Iterable[str]) -> str:
    """What to write instead of an unknown flag, as the end of a sentence; "" where nothing is near."""
    if flag in _METHOD and {"--dataset", "--model"} <= set(flags):
        return f": each method is a command of its own ({', '.join(f'hone {method}' for method in methods)})"
    return _ask(_own_name(flag.removeprefix("--"), _FLAGS, flags) or nearest(flag, flags))


def nearest_command(word: str, commands: Collection[str]) -> str:
    """The same for an unknown command."""
    return _ask(_own_name(word, _COMMANDS, commands) or nearest(word, commands))


def _own_name(word: str, names: Mapping[str, str], known: Collection[str]) -> str:
    """What is called so elsewhere, of what is known here; "" for nothing."""
    return next((own for own, others in names.items() if own in known and word in others.split()), "")


def _ask(name: str) -> str:
    return f" (did you mean {name}?)" if name else ""
