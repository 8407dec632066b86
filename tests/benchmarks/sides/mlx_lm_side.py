"""One epoch of mlx-lm's own trainer, run by the Python that has mlx-lm: mlx_lm_side.py JOB.json prints one JSON line.

The rows come as tokens. The job's `settings` say how the trainer is called:
- defaults: as its command line calls it. Its dataset cache sorts rows by their number of fields, that is not at all,
  and MLX's cache is emptied after every step.
- best: rows sorted by length, MLX's cache kept, no report before the last step.
- step: its compiled step alone, on one batch of the first rows, MLX's cache kept.
"""

import contextlib
import json
import os
import sys
import time
from functools import partial
from pathlib import Path

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten
from mlx_lm.tuner.callbacks import TrainingCallback
from mlx_lm.tuner.datasets import CacheDataset
from mlx_lm.tuner.trainer import TrainingArgs, default_loss, grad_checkpoint, iterate_batches, train
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load_model


class Rows:
    """Rows of {"tokens", "start"}: what is learned begins at `start`."""

    def __init__(self, rows: list) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> dict:
        return self.rows[i]

    def process(self, row: dict) -> tuple:
        return row["tokens"], row["start"]


def sorted_by_length(cache: type) -> type:
    """A trainer's dataset cache that knows how long its rows are."""

    class Sorted(cache):
        def itemlen(self, n: int) -> int:
            return len(self._data[n]["tokens"])

    return Sorted


class Clock(TrainingCallback):
    """The seconds between two reports, as the trainer counts them: its steps alone."""

    def __init__(self, steps_per_report: int) -> None:
        self.steps_per_report = steps_per_report
        self.seconds: list[float] = []
        self.losses: list[float] = []  # of every step

    def on_train_loss_report(self, info: dict) -> None:
        self.seconds.append(self.steps_per_report / info["iterations_per_second"])
        self.losses += [info["train_loss"]] * (info["iteration"] - len(self.losses))


def model_with_adapter(job: dict):
    """The model with LoRA on all linear layers, in the job's precision where it names one: what lies on disk is loaded
    in its own."""
    model, _ = load_model(Path(job["model"]))
    if "dtype" in job:
        model.set_dtype(getattr(mx, job["dtype"]))
    model.freeze()
    keys = [f"self_attn.{n}_proj" for n in "qkvo"] + [f"mlp.{n}_proj" for n in ("gate", "up", "down")]
    config = {"rank": job["rank"], "scale": 2.0, "dropout": 0.0, "keys": keys}
    linear_to_lora_layers(model, len(model.layers), config)
    mx.eval(model.parameters())
    return model


def settings(job: dict, rows: int) -> dict:
    """What the trainers of both peers are told: one epoch, nothing validated, nothing saved."""
    steps = rows // job["batch_size"]
    values = {
        "batch_size": job["batch_size"],
        "iters": steps,
        "steps_per_report": job.get("steps_per_report") or (10 if job["settings"] == "defaults" else steps),
        "steps_per_save": 10**9,
        "max_seq_length": job["max_len"],
        "adapter_file": os.devnull,
        "grad_checkpoint": job["checkpointing"],
    }
    return values | ({} if job["settings"] == "defaults" else {"clear_cache_threshold": 10**18})


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text()) | ({"settings": sys.argv[2]} if len(sys.argv) > 2 else {})
    np.random.seed(0)
    model = model_with_adapter(job)
    rows = json.loads(Path(job["rows"]).read_text())
    args = TrainingArgs(**settings(job, len(rows)))
    clock = Clock(args.steps_per_report)
    optimizer = optim.AdamW(learning_rate=1e-4)
    mx.reset_peak_memory()
    start = time.process_time()
    if job["settings"] == "step":
        repeat_step(model, optimizer, rows[: job["batch_size"]], args, clock)
    else:
        data = (CacheDataset if job["settings"] == "defaults" else sorted_by_length(CacheDataset))(Rows(rows))
        with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SaveNothing):
            train(model, optimizer, data, args=args, training_callback=clock)
    report(clock, time.process_time() - start, model)


def repeat_step(model, optimizer, rows: list, args: TrainingArgs, clock: Clock) -> None:
    """The step of mlx-lm's train(), compiled as there, on one batch."""
    if args.grad_checkpoint:
        grad_checkpoint(model.layers[0])
    batch = next(iterate_batches(CacheDataset(Rows(rows)), len(rows), args.max_seq_length))
    loss_and_gradient = nn.value_and_grad(model, default_loss)
    state = [model.state, optimizer.state, mx.random.state]

    @partial(mx.compile, inputs=state, outputs=state)
    def step(*batch):
        (loss, _), gradient = loss_and_gradient(model, *batch)
        optimizer.update(model, gradient)
        return loss

    model.train()
    for _ in range(args.iters):
        start = time.perf_counter()
        loss = step(*batch)
        mx.eval(state, loss)
        clock.seconds.append(time.perf_counter() - start)
        clock.losses.append(loss.item())


class SaveNothing(Exception):
    """Raised in place of writing the adapter at the end."""


def no_saving(*_) -> None:
    raise SaveNothing


def report(clock: Clock, cpu: float, model) -> None:
    trained = sum(v.size for _, v in tree_flatten(model.trainable_parameters()))
    kept = str(model.model.embed_tokens.weight.dtype).removeprefix("mlx.core.")
    figures = {"seconds": clock.seconds, "losses": clock.losses, "cpu": cpu, "dtype": kept}
    print(json.dumps(figures | {"peak": mx.get_peak_memory(), "trained": trained}), flush=True)


if __name__ == "__main__":
    mx.save_safetensors = no_saving
    main()
