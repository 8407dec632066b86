"""A small run of each method, and what two runs have to have in common to be the same."""

import json
from pathlib import Path
from typing import Any

from core.adapters import WEIGHTS
from core.run import Run

MODEL = Path(__file__).parents[1] / "reference" / "models" / "qwen3-tiny"
METHODS = (
    "sft",
    "dpo",
    "simpo",
    "orpo",
    "kto",
    "grpo",
    "dapo",
    "distill",
    "distill-kept",
)  # the last with a teacher that is asked once

_SAMPLED = {
    "group_size": 2,
    "max_completion_length": 6,
    "rewards": ["length=1"],
    "reward_length": 4,
    "eval_questions": 2,
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "grpo": _SAMPLED | {"num_iterations": 2},
    "dapo": _SAMPLED | {"refills": 1},
    "distill": {"teacher": str(MODEL), "lmbda": 0.5},
    "distill-kept": {"teacher": str(MODEL), "lmbda": 0.0, "teacher_top_k": 4},
}
_BESIDE_THE_TRAINING = ("Phase", "Resumed", "Started", "Warned")  # a run that goes on says these again, or alone
_MEASURED = (
    "time",
    "seconds",
    "tokens_per_second",
    "peak_memory_bytes",
    "process_memory_bytes",
    "sampling_seconds",
    "learning_seconds",
    "path",
)


def small_run(method: str, data: Path, output: Path) -> Run:
    """Six steps with checkpoints after two, four and six, and validations after three and six."""
    train = {"steps": 6, "save_every": 2, "eval_every": 3, "batch_size": 2, "samples": 1, "sample_tokens": 3}
    values = {
        "method": method.partition("-")[0],
        "output": str(output),
        "backend": "cpu",
        "model": {"path": str(MODEL)},
        "data": {"path": str(write_rows(data, method)), "max_seq_len": 64, "eval_split": 0.2},
        "train": train | {"learning_rate": 0.003},
        "options": _OPTIONS.get(method, {}),
    }
    return Run.from_dict(values)


def write_rows(folder: Path, method: str) -> Path:
    """A dataset of the kind that a method learns from."""
    path = folder / f"{method}.jsonl"
    rows = []
    for n in range(12):
        question, answer, worse = f"What is {n}?", f"It is {n * n}." + " Really." * (n % 3), "Nobody knows."
        match method:
            case "dpo" | "simpo" | "orpo":
                rows.append({"prompt": question, "chosen": answer, "rejected": worse})
            case "kto":
                rows.append({"prompt": question, "completion": answer if n % 2 else worse, "label": bool(n % 2)})
            case _:
                rows.append({"prompt": question, "completion": answer})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def result(folder: Path) -> dict[str, Any]:
    """All that has to be the same, to the last bit, in two runs that were asked the same."""
    lines = (folder / "events.jsonl").read_text().splitlines()
    events = [event for event in map(_read, lines) if event["event"] not in _BESIDE_THE_TRAINING]
    samples = folder / "samples.jsonl"
    return {
        "adapter": (folder / WEIGHTS).read_bytes(),
        "events": [_without_times(event) for event in events],
        "samples": samples.read_text() if samples.exists() else "",
        "checkpoints": sorted(path.name for path in (folder / "checkpoints").iterdir()),
    }


def differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """What two results do not have in common."""
    return [name for name in a if a[name] != b[name]]


def _read(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return {"event": line}


def _without_times(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_times(v) for name, v in value.items() if name not in _MEASURED}
