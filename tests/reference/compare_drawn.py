"""Hone beside the runs of run_drawn.py: python -m tests.reference.compare_drawn FOLDER, from the repository.

Prints for each run, and for each method the largest of them, how far Hone is from its peer: losses, gradient norms, and
the final weights as a share of the way that the peer's went. Ends with 1 where something is further off than rounding.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from core.events import Step
from core.run import Run
from core.train import train

DATA = Path(__file__).parent / "data"
# Weights with no gradient but rounding move as far in Adam's first steps as any other.
LIMITS = {"loss": 3e-5, "gradient": 1e-4, "weights": 4e-3}


def main() -> int:
    folder = Path(sys.argv[1]).resolve()
    told = json.loads((folder / "peers.json").read_text(encoding="utf-8"))
    largest: dict[str, dict[str, float]] = {}
    for case in told["runs"]:
        found = compare(case, folder / case["name"])
        row = largest.setdefault(case["method"], dict.fromkeys(LIMITS, 0.0))
        row.update({key: max(row[key], found[key]) for key in LIMITS})
        write(case["name"], found)
    write("", {})
    for method, row in largest.items():
        write(method, row)
    return int(any(row[key] > LIMITS[key] for row in largest.values() for key in LIMITS))


def write(name: str, numbers: dict[str, float]) -> None:
    far = " <-- far off" if any(numbers[key] > LIMITS[key] for key in numbers) else ""
    line = f"{name:44} " + "  ".join(f"{key} {value:.1e}" for key, value in numbers.items()) + far
    sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


def compare(case: dict[str, Any], place: Path) -> dict[str, float]:
    """How far Hone's run is from its peer's in each of LIMITS, at its worst step."""
    steps = [event for event in train(as_run(case, place)) if isinstance(event, Step)]
    expected = case["steps"]
    rates = [s.learning_rate for s in steps], [e["learning_rate"] for e in expected]
    if len(rates[0]) != len(rates[1]) or not np.allclose(*rates, rtol=1e-12, atol=0):
        raise SystemExit(f"{case['name']}: other steps or learning rates than its peer's")
    start, goal = load_file(place / "start.safetensors"), load_file(place / "end.safetensors")
    trained = load_file(place / "hone" / "adapters.safetensors")
    if trained.keys() != goal.keys():
        raise SystemExit(f"{case['name']}: other tensors than its peer's")
    return {
        # Of a loss near zero, where nothing is left of its digits, the difference itself counts.
        "loss": max(abs(s.loss - e["loss"]) / max(1.0, abs(e["loss"])) for s, e in zip(steps, expected, strict=True)),
        "gradient": max(
            abs(s.grad_norm - e["grad_norm"]) / max(1e-3, e["grad_norm"]) for s, e in zip(steps, expected, strict=True)
        ),
        "weights": distance(trained, goal) / max(distance(goal, start), 1e-12),
    }


def distance(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> float:
    """The norm of the difference over all tensors."""
    return sum(float(np.square(a[key].astype(np.float64) - b[key]).sum()) for key in b) ** 0.5


def as_run(case: dict[str, Any], place: Path) -> Run:
    """The case as a run, from the peer's model and adapter."""
    t, options = dict(case["train"]), dict(case["options"])
    data = {"eval_split": 0.0, "shuffle": False, "max_seq_len": t.pop("max_seq_len")}
    if case["method"] == "grpo":
        options = {key: value for key, value in options.items() if value is not None}
        options["replay"] = str(write_replay(place))
        del t["batch_size"], t["gradient_accumulation_steps"]
    else:
        data["path"] = str(DATA / f"{case['data']}.jsonl")
    if case["method"] == "distill":
        options["teacher"] = str(place / "teacher")
    is_full = case["adapter"]["type"] == "full"
    return Run.from_dict(
        {
            "method": case["method"],
            "output": str(place / "hone"),
            "backend": "cpu",
            "model": {"path": str(place / "model"), "dtype": "float32", "quantization": case["base"]},
            "data": data,
            "adapter": {"type": "full"} if is_full else {"init": str(place / "start")},
            "train": {**t, "samples": 0, "forgetting": "off"},
            "options": options,
        }
    )


def write_replay(place: Path) -> Path:
    """The recorded answers, each that was not cut with the model's own end token."""
    end = json.loads((place / "model" / "config.json").read_text(encoding="utf-8"))["eos_token_id"]
    lines = []
    for line in (DATA / "rollouts.jsonl").read_text(encoding="utf-8").splitlines():
        group = json.loads(line)
        for answer in group["answers"]:
            if not answer["cut"]:
                answer["ids"][-1] = end
        lines.append(json.dumps(group) + "\n")
    path = place / "replay.jsonl"
    path.write_text("".join(lines), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
