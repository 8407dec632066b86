"""Made-up events of runs of each method, for the window's tests and screenshots: no model is needed."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag

from core import events
from core.events import Event
from core.rewards import format as thinking
from core.rewards import numeric
from core.rewards.answer import Answer, RewardSettings
from core.rewards.kept_reasons import keep_reasons
from core.run import Run
from tests.app.conftest import BACKEND, PRECISION

PAIRS = ("dpo", "simpo", "orpo")
REASONING = ("grpo", "dapo")


def step_metrics(method: str, share: float, wobble: float = 0.0) -> dict[str, float]:
    """The metrics of a step when `share` (0 to 1) of the run is done; `wobble` is the noise."""
    progress = 1 - math.exp(-4 * share)
    if method in (*PAIRS, "kto"):
        rewards = {
            "chosen_reward": 0.9 * progress + 0.3 * wobble,
            "rejected_reward": -1.4 * progress + 0.3 * wobble,
            "margin": 2.3 * progress + 0.2 * wobble,
            "accuracy": min(1.0, max(0.0, 0.54 + 0.38 * progress + 0.1 * wobble)),
        }
        return rewards | ({"kl": 0.6 * progress} if method == "kto" else {})
    if method in REASONING:
        dropped_groups = {"thrown_groups": round(6 * progress)} if method == "dapo" else {}
        return dropped_groups | {
            "reward": 0.4 + 0.8 * progress + 0.1 * wobble,
            "reward_std": 0.45 - 0.3 * progress,
            "reward_numeric": 0.3 + 0.55 * progress + 0.1 * wobble,
            "reward_format": 0.1 + 0.9 * progress,
            "flat_groups": min(1.0, max(0.0, 0.2 + 0.5 * progress + 0.1 * wobble)),
            "clipped": 0.01 + 0.02 * abs(wobble),
            "kl": 0.08 * progress,
            "entropy": 0.9 - 0.6 * progress,
            "answer_length": 34 - 12 * progress + 3 * wobble,
            "cut_off": max(0.0, 0.12 - 0.12 * progress),
            "sampling_seconds": 1.4 + 0.2 * wobble,
            "learning_seconds": 0.5,
        }
    return {"kl": 1.2 - progress, "hard_loss": 1.9 - progress} if method == "distill" else {}


def eval_metrics(method: str, share: float) -> dict[str, float]:
    """The metrics on held-out rows."""
    if method in REASONING:
        return {"solved": 0.41 + 0.42 * (1 - math.exp(-4 * share))}
    return step_metrics(method, share)


def story_events(run: Run, steps: int = 120) -> Iterator[Event]:
    """All events of a run, as its method reports them."""
    counts = dict(rows=300, eval_rows=60, tokens=18_000, trainable_parameters=147_456, total_parameters=1_700_000)
    yield events.Phase("Preparing data")
    yield events.Started(
        run.name, str(run.output), run.method, run.model.path, steps, 1, 3.0, **counts,
        backend=BACKEND, precision=PRECISION,
    )  # fmt: skip
    yield events.Evaluated(0, 0.69, False, 3000, eval_metrics(run.method, 0.0))
    yield events.Sample(0, "before", 0, "What do you see with?", "Eyes. Do not ask me again.", "")
    yield events.Phase("Training")
    for step in range(1, steps + 1):
        share = step / steps
        wobble = math.sin(12.9898 * step) * 0.8
        loss = 0.69 * math.exp(-2 * share) + 0.05 * wobble
        yield events.Step(
            step, loss, 2e-4 * (1 - share), 1 + 0.2 * wobble, step * 300, step * 90, 2900 + 100 * wobble, 1 << 29,
            share * 3, step * 0.1, step_metrics(run.method, share, wobble),
        )  # fmt: skip
        if step % 20 == 0:
            yield events.Evaluated(step, 0.69 * math.exp(-2 * share), True, 3000, eval_metrics(run.method, share))
    yield events.Sample(steps, "after", 0, "What do you see with?", "Good question! You see with your eyes.", "")
    metrics_before, metrics_after = eval_metrics(run.method, 0.0), eval_metrics(run.method, 1.0)
    result_names = {"accuracy", "solved"}
    yield events.Finished(
        "done", steps, "Prefers the better answer in 54% → 91% of unseen pairs.", 96.0, 0.69, 0.69 * math.exp(-2),
        steps,
        {k: v for k, v in metrics_before.items() if k in result_names},
        {k: v for k, v in metrics_after.items() if k in result_names},
    )  # fmt: skip


def rollout_group(step: int, share: float) -> dict[str, object]:
    """A line of samples.jsonl: a question with four answers, some of them right."""
    right_count = step % 4 + (1 if share > 0.5 else 0)
    answers = []
    for i in range(4):
        is_right = i < right_count
        number = str(40 + step) if is_right else str(37 + step + i)
        scores = {"numeric": float(is_right), "format": 1.0}
        text = f"<think>{step} + 40. First the tens, then the ones.</think>The answer is {number}."
        answer = Answer(text, expected=str(40 + step))
        judged = {
            "numeric": numeric.score(answer, RewardSettings()),
            "format": thinking.score(answer, RewardSettings()),
        }
        reasons = {name: score.reason for name, score in judged.items()}
        written = {
            "text": text,
            "reward": float(is_right) + 0.2,
            "advantage": 0.5 if is_right else -0.5,
            "rewards": scores,
        }
        written |= {"cut": i == 3 and not is_right, "ids": [1, 2], "logps": [-0.1, -0.2]}
        answers.append(written | keep_reasons(reasons))
    row = {"step": step, "line": step, "row": step, "kept": True, "prompt": f"What is {step} + 40?"}
    return row | {"expected": str(40 + step), "prompt_ids": [1], "answers": answers}


def play_story(run: Run, stop: Flag, save_now: Flag) -> Iterator[Event]:
    """story_events() as a run's thread yields them, with the files of the run's folder."""
    assert run.output is not None
    folder = Path(run.output)
    folder.mkdir(parents=True, exist_ok=True)
    run.write(folder / "run.toml")
    with (folder / "events.jsonl").open("w", encoding="utf-8") as log:
        for event in story_events(run):
            log.write(events.to_json(event) + "\n")
            if isinstance(event, events.Step) and run.method in REASONING:
                with (folder / "samples.jsonl").open("a", encoding="utf-8") as samples:
                    samples.write(json.dumps(rollout_group(event.step, event.step / 120)) + "\n")
            yield event
    (folder / "adapters.safetensors").touch()
