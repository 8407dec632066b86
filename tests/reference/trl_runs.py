"""What the runs under TRL's trainers share: one CPU thread, float32, AdamW, every step logged, nothing saved."""

from collections.abc import Mapping
from typing import Any

import datasets
import peft
import torch
import transformers
import trl

SETTINGS: dict[str, Any] = {
    "optim": "adamw_torch",
    "gradient_checkpointing": False,
    "bf16": False,
    "use_cpu": True,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
}


class Recorder(transformers.TrainerCallback):
    """Keeps what the trainer logs of each step, which is neither rounded nor, logged at every step, averaged.

    Beside loss, gradient norm and learning rate these are the `metrics`, {TRL's name: Hone's}, that it logs.
    """

    def __init__(self, metrics: Mapping[str, str] | None = None) -> None:
        self.metrics = metrics or {}
        self.steps: list[dict[str, float]] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        if "grad_norm" in logs:
            kept = {name: logs[name] for name in ("loss", "grad_norm", "learning_rate")}
            self.steps.append(kept | {ours: logs[name] for name, ours in self.metrics.items() if name in logs})


def compute_alike() -> None:
    """Have PyTorch compute the same each time, and its friends say errors alone."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()


def versions() -> dict[str, str]:
    """{package: its version} of those that the results follow from."""
    return {m.__name__: m.__version__ for m in (torch, transformers, peft, trl)}
