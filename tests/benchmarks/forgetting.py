"""What the demo makes the starter model forget, what a gentler run keeps, and what one that overdoes it loses.

python -m tests.benchmarks.forgetting [--epochs 6]

Each run learns the demo's rows with SFT and measures general text before and after, as any run does. `--epochs` is the
length of the one that overdoes it, with ten times the usual learning rate. The page is results/forgetting.md; the
figures do not depend on what else the machine does, the seconds do.
"""

import argparse
import platform
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from core.device.machine import machine
from core.events import Finished, Phase
from core.run import Run
from core.train import train
from core.training import forgetting
from core.training.forgetting import Record
from core.training.paired_tests import format_p

RESULTS = Path(__file__).parent / "results" / "forgetting.md"
OVERDONE = 10  # times the usual learning rate


@dataclass(frozen=True)
class Outcome:
    """One run: its ending, what it measured on general text, and how long that took."""

    name: str
    finished: Finished
    record: Record
    seconds: float  # of measuring general text, before and after together


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=float, default=6, help="Passes of the run that overdoes it.")
    epochs = parser.parse_args().epochs
    usual = Run().usual_learning_rate
    runs = (
        ("gentle: a third of the rate, one epoch", usual / 3, 1.0),
        ("the demo as it is", usual, 3.0),
        (f"overdone: {OVERDONE} × the rate, {epochs:g} epochs", OVERDONE * usual, epochs),
    )
    with tempfile.TemporaryDirectory() as folder:
        outcomes = [measure(name, rate, length, Path(folder) / f"{i}") for i, (name, rate, length) in enumerate(runs)]
    RESULTS.write_text(write_page(outcomes), encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


def measure(name: str, learning_rate: float, epochs: float, folder: Path) -> Outcome:
    """Do one run on the demo's rows. Of the overdone one the last weights are kept, as a run without a watch would."""
    options = {"learning_rate": learning_rate, "epochs": epochs, "forgetting": "on", "samples": 0, "keep_best": False}
    run = Run.from_dict({"output": str(folder), "train": options})
    began, seconds = 0.0, 0.0
    finished: Finished | None = None
    for event in train(run):
        if began:
            seconds, began = seconds + time.monotonic() - began, 0.0
        if isinstance(event, Phase) and "general text" in event.name:
            began = time.monotonic()
        if isinstance(event, Finished):
            finished = event
    record = forgetting.read(folder)
    assert finished is not None and record is not None
    return Outcome(name, finished, record, seconds)


def write_page(outcomes: list[Outcome]) -> str:
    """The page: a table of the runs, their verdicts, and the answers to general questions side by side."""
    lines = [
        "# What a run makes the model forget",
        "",
        f"`python -m tests.benchmarks.forgetting`, {time.strftime('%Y-%m-%d')}, {machine()['processor']}, "
        f"Python {platform.python_version()}, MLX {metadata.version('mlx')}. SFT of the starter on the demo's rows, "
        "the last weights kept. Losses in nats per token; only texts count that the starter predicts better than by "
        "guessing blindly. Measuring goes through one core, training through both; other work ran beside it.",
        "",
        "| Run | Held-out loss | Texts | General loss | Change | p | Measuring took |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for o in outcomes:
        f, found = o.finished, o.record.forgetting
        assert found is not None and f.loss_before is not None and f.loss_after is not None
        p = format_p(found.p).removeprefix("p ").removeprefix("= ")
        lines.append(
            f"| {o.name} | {f.loss_before:.2f} → {f.loss_after:.2f} | {found.texts} "
            f"| {found.before:.2f} → {found.after:.2f} | {found.share:+.0%} | {p} "
            f"| {o.seconds:.1f} s of {f.seconds + o.seconds:.0f} s |"
        )
    lines += ["", *(f"- {o.name}: “{o.finished.message}”" for o in outcomes), ""]
    titles = ["Question", "Before", *(o.name.partition(":")[0] for o in outcomes)]
    lines += ["| " + " | ".join(titles) + " |", "| --- " * len(titles) + "|"]
    for rows in zip(*(o.record.answers() for o in outcomes), strict=True):
        cells = [rows[0][0], rows[0][1], *(row[2] for row in rows)]
        lines.append("| " + " | ".join(" ".join(c.split()).replace("|", "\\|") or "–" for c in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
