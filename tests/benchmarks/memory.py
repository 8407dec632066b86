"""The memory of a training step as told before loading, beside what a real step takes.

python -m tests.benchmarks.memory                    the grid, in about ten minutes on two cores
python -m tests.benchmarks.memory --only dpo,nf4     cases whose title holds one of these words; nothing is written

Models of random weights, rows filled to the maximum length, one process for each case. The figures go to
results/memory.md.
"""

import argparse
import json
import platform
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from core.device.machine import machine
from core.resources import STARTER
from tests.benchmarks.peers import run_side
from tests.benchmarks.weights import write_random

RESULTS = Path(__file__).parent / "results" / "memory.md"
AIM = 0.25


@dataclass(frozen=True)
class Case:
    """A model's shape and a training run. For methods that write answers `tokens` is the longest answer."""

    method: str = "sft"
    hidden: int = 512
    layers: int = 8
    vocabulary: int = 16_384
    batch: int = 4
    tokens: int = 256
    adapter: str = "lora"
    quantization: str = "none"
    checkpointing: str = "off"
    group: int = 8  # answers to a question

    @property
    def title(self) -> str:
        shape = f"{self.hidden} × {self.layers}, {self.vocabulary // 1024}k words"
        rows = f"{self.batch} × {self.group}" if self.method in ("grpo", "dapo") else str(self.batch)
        details = [self.adapter, *([self.quantization] if self.quantization != "none" else [])]
        details += ["checkpointing"] if self.checkpointing == "on" else []
        return f"{self.method} | {shape} | {rows} × {self.tokens} | {', '.join(details)}"


CASES = (
    Case(),
    Case(hidden=256, layers=4, vocabulary=4096),
    Case(hidden=256, layers=12, vocabulary=65_536, tokens=128),
    Case(hidden=1024, layers=4, vocabulary=32_768),
    Case(hidden=1024, layers=8, vocabulary=4096, batch=1, tokens=1024),
    Case(batch=1, tokens=1024),
    Case(batch=8, tokens=128),
    Case(hidden=256, batch=8, tokens=512),
    Case(hidden=256, batch=2, tokens=2048),
    Case(checkpointing="on"),
    Case(batch=1, tokens=1024, checkpointing="on"),
    Case(hidden=1024, layers=12, vocabulary=4096, tokens=128, checkpointing="on"),
    Case(adapter="dora"),
    Case(adapter="dora", hidden=1024, layers=4, quantization="nf4", tokens=128),
    Case(quantization="nf4"),
    Case(quantization="int8"),
    Case(hidden=1024, layers=8, quantization="nf4", tokens=128),
    Case(hidden=1024, layers=8, quantization="int8", batch=1, tokens=1024, checkpointing="on"),
    Case(adapter="full"),
    Case(adapter="full", hidden=256, layers=4, vocabulary=65_536, tokens=128),
    Case(adapter="full", hidden=256, batch=8, tokens=256),
    Case(adapter="full", hidden=1024, layers=4, vocabulary=4096, batch=1, tokens=512, checkpointing="on"),
    Case("dpo"),
    Case("dpo", hidden=256, layers=4, vocabulary=65_536, batch=8, tokens=128),
    Case("dpo", hidden=256, batch=2, tokens=1024),
    Case("dpo", batch=1, tokens=512, checkpointing="on"),
    Case("dpo", hidden=1024, layers=4, quantization="nf4", batch=2, tokens=128),
    Case("kto"),
    Case("kto", hidden=256, layers=12, vocabulary=4096, batch=8, tokens=128),
    Case("kto", hidden=512, batch=2, tokens=512, quantization="int8", checkpointing="on"),
    Case("distill"),
    Case("distill", hidden=256, layers=4, vocabulary=65_536, tokens=128),
    Case("distill", hidden=1024, layers=4, vocabulary=4096, tokens=128, quantization="nf4", checkpointing="on"),
    Case("grpo", batch=2, tokens=128),
    Case("grpo", hidden=256, layers=4, vocabulary=65_536, batch=4, tokens=64),
    Case("grpo", hidden=1024, layers=4, vocabulary=4096, batch=1, tokens=256, quantization="nf4"),
    Case("grpo", hidden=256, layers=12, batch=4, tokens=128, checkpointing="on"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="words of titles, separated by commas")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure_case(Case(**json.loads(args.one)))))
        return
    words = [word for word in args.only.split(",") if word]
    lines = []
    for case in CASES:
        if not words or any(word in case.title for word in words):
            figures = run_side([sys.executable, "-m", "tests.benchmarks.memory", "--one", json.dumps(asdict(case))])
            lines.append(line(case, figures))
            print(lines[-1], figures.get("parts", ""), flush=True)
    if not words:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(page(lines), encoding="utf-8")


def line(case: Case, figures: dict[str, Any]) -> str:
    low, high, took = (figures[key] / 1e6 for key in ("low", "high", "measured"))
    ratio = (low + high) / 2 / took
    far = "" if abs(ratio - 1) <= AIM else " (off)"
    return f"| {case.title} | {low:,.0f} – {high:,.0f} | {took:,.0f} | {ratio:.2f}{far} |"


def measure_case(case: Case) -> dict[str, Any]:
    """{"low", "high", "measured"} in bytes, of one case in this process."""
    from core.events import Started, Step
    from core.run import Run
    from core.train import train

    with tempfile.TemporaryDirectory(prefix="hone-memory-") as place:
        folder = Path(place)
        model = write_model(folder / "model", case)
        run = Run.from_dict(
            {
                "method": case.method,
                "output": str(folder / "run"),
                "model": {"path": str(model), "quantization": case.quantization},
                "data": {
                    "path": str(write_rows(folder / "rows.jsonl", case)),
                    "eval_split": 0.0,
                    "max_seq_len": 2048 if writes_answers(case) else case.tokens,
                },
                "adapter": {"type": case.adapter},
                "train": {
                    "steps": 2,  # the first one makes the optimizer's state
                    "batch_size": case.batch,
                    "samples": 0,
                    "gradient_checkpointing": case.checkpointing,
                },
                "options": own_options(case, model),
            }
        )
        for event in train(run):
            if isinstance(event, Started):
                memory = event.memory
            if isinstance(event, Step):
                took = event.peak_memory_bytes
        estimate = memory["estimate"]
        parts = {k: round(v / 1e6) for k, v in estimate.items() if k not in ("low", "high")}
        return {"low": estimate["low"], "high": estimate["high"], "measured": took, "parts": parts}


def writes_answers(case: Case) -> bool:
    return case.method in ("grpo", "dapo")


def own_options(case: Case, model: Path) -> dict[str, Any]:
    if case.method == "distill":
        return {"teacher": str(model)}
    if not writes_answers(case):
        return {}
    # No answer of random weights ends by itself; about half of them begin so.
    options = {"group_size": case.group, "max_completion_length": case.tokens}
    return options | {"rewards": ["regex=1"], "reward_pattern": r"^\W*[0-9A-Ma-h]"}


def write_model(folder: Path, case: Case) -> Path:
    """A model of the case's shape with small random weights in bfloat16, as models come."""
    import mlx.core as mx

    config = json.loads((STARTER / "config.json").read_text(encoding="utf-8")) | {
        "vocab_size": case.vocabulary,
        "hidden_size": case.hidden,
        "intermediate_size": 3 * case.hidden,
        "num_hidden_layers": case.layers,
        "num_attention_heads": case.hidden // 64,
        "num_key_value_heads": case.hidden // 128,
        "max_position_embeddings": 4096,
    }
    return write_random(folder, config, lambda w: (w * 0.5).astype(mx.bfloat16))


def write_rows(file: Path, case: Case) -> Path:
    """Rows that are longer than the cut; questions where answers are written."""
    rng = random.Random(1)

    def text() -> str:
        return " ".join(str(rng.randrange(10**6)) for _ in range(case.tokens))

    def row() -> dict[str, Any]:
        question = f"{rng.randrange(10**6)}? "
        if writes_answers(case):
            return {"question": question, "answer": "1"}
        if case.method == "dpo":
            return {"prompt": question, "chosen": text(), "rejected": text()}
        example = {"prompt": question, "completion": text()}
        return example | ({"label": rng.random() < 0.5} if case.method == "kto" else {})

    rows = [row() for _ in range(2 * case.batch)]
    if case.method == "kto":
        rows[0]["label"], rows[1]["label"] = True, False
    file.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return file


def page(lines: list[str]) -> str:
    facts = machine()
    system = f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, {facts['gpu'] or 'no GPU'}"
    off = sum("(off)" in entry for entry in lines)
    return "\n".join(
        [
            "# Memory: the estimate beside a real step",
            "",
            f"Made by `python -m tests.benchmarks.memory` on {time.strftime('%Y-%m-%d')}: {system}; "
            f"mlx {metadata.version('mlx')}, Python {platform.python_version()}. "
            f"{len(lines) - off} of {len(lines)} are within {AIM:.0%} of what was measured; the estimate is the middle "
            "of its range. On a processor two rows or 512 tokens go through the model at once, except where the loss "
            "needs the batch whole (KTO), and it computes in float32.",
            "",
            "| method | hidden × layers | rows × tokens | how | told, MB | measured, MB | told / measured |",
            "|---|---|---|---|---|---|---|",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    main()
