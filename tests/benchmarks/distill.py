"""A larger teacher trained beside the starter model, and what the starter learns from it.

python -m tests.benchmarks.distill [--teacher-epochs 3] [--rows 40] [--steps 60] [--seeds 3]

The teacher is the starter grown to three times its size (resources/make/grow.py) and trained on all of the sample
answers. The starter then gets only some of these rows: once as plain examples (SFT), and once with each
kind of distillation, with the same rows, steps, learning rate and adapter. Those that need a student which already
says something like the teacher (JSD, reverse KL, own answers; so in arXiv:2306.13649, too) spend the first half of
their steps on SFT. What counts is what they make of held-out
rows that none of them has seen. All of it goes through the trainer's real entry point. The figures go to
results/distill.md; the quality does not depend on what else the machine does, the seconds do.
"""

import argparse
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from core.device.machine import machine
from core.easy import Builder, distill, finetune
from core.events import Evaluated, Sample
from core.resources import STARTER, sample
from core.training.report import answer_scores
from resources.make.grow import grow

RESULTS = Path(__file__).parent / "results" / "distill.md"
INNER = 1024  # inner units of the teacher's blocks
RANK, RATE = {"teacher": 64, "student": 16}, 2e-3
OWN = {"max_new_tokens": 64}


@dataclass(frozen=True)
class Way:
    """How a student learns from the rows: by SFT alone where there are no options of a distillation."""

    name: str
    options: dict[str, Any] | None = None
    after_sft: bool = False  # the first half of the steps is SFT


WAYS = (
    Way("SFT"),
    Way("forward KL", {}),
    Way("SFT, then forward KL", {}, after_sft=True),
    Way("SFT, then JSD", {"divergence": "jsd"}, after_sft=True),
    Way("SFT, then forward KL, half of it on its own answers", {"lmbda": 0.5, **OWN}, after_sft=True),
    Way("SFT, then JSD, all of it on its own answers", {"divergence": "jsd", "lmbda": 1.0, **OWN}, after_sft=True),
)


@dataclass(frozen=True)
class Measured:
    """What a model makes of the held-out rows."""

    loss: float  # nats a token of the right answers
    kl: float  # from the teacher, nats a token of the right answers
    exact: float  # share of greedy answers that are the right one, letter by letter
    seconds: float = 0.0


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--teacher-epochs", type=int, default=3)
    asked.add_argument("--rows", type=int, default=40, help="rows that the student sees")
    asked.add_argument("--steps", type=int, default=60, help="steps of 4 rows that the student learns for")
    asked.add_argument("--seeds", type=int, default=3, help="runs of each kind; the median is shown")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="hone-distill-") as place:
        folder = Path(place)
        count = grow(STARTER, folder / "larger", INNER)
        print(f"teacher: {count:,} parameters", flush=True)
        begun = time.perf_counter()
        teacher = teach(folder, given.teacher_epochs)
        seconds = time.perf_counter() - begun
        found = {"teacher": [measure(folder, folder / "larger", teacher, teacher, seconds)]}
        found["starter, untrained"] = [measure(folder, STARTER, None, teacher)]
        print(*found.items(), sep="\n", flush=True)
        few = folder / "few.jsonl"
        lines = sample("text").read_text(encoding="utf-8").splitlines(keepends=True)
        few.write_text("".join(lines[: given.rows]), encoding="utf-8")
        for seed in range(given.seeds):
            for way in WAYS:
                student, seconds = learn(folder, few, teacher, way, given.steps, seed)
                found.setdefault(way.name, []).append(measure(folder, STARTER, student, teacher, seconds))
                print(way.name, found[way.name][-1], flush=True)
    RESULTS.write_text(page(found, count, len(lines), given), encoding="utf-8")


def teach(folder: Path, epochs: int) -> Path:
    """Train the larger model on all rows; the run's folder."""
    run = finetune(folder / "larger", sample("text")).lora(RANK["teacher"]).learning_rate(RATE).epochs(epochs)
    return usual(run, folder / "teacher").run().folder


def learn(folder: Path, rows: Path, teacher: Path, way: Way, steps: int, seed: int) -> tuple[Path, float]:
    """The starter trained on the rows: (the last run's folder, seconds of training)."""
    sft, seconds = finetune(STARTER, rows).lora(RANK["student"]), 0.0
    runs = [sft]
    if way.options is not None:
        runs = [distill(STARTER, rows, teacher).lora(RANK["student"]).options(**way.options)]
    if way.after_sft:
        runs, steps = [sft, *runs], steps // 2
    before: Path | None = None
    for run in runs:
        run = run if before is None else run.init_adapter(before)
        done = usual(run.learning_rate(RATE).steps(steps).seed(seed), folder / "student").run()
        before, seconds = done.folder, seconds + done.finished.seconds
    assert before is not None
    return before, seconds


def usual(run: Builder, output: Path) -> Builder:
    """What all runs have: held-out rows that are looked at once at the end, and no sample answers."""
    run = run.held_out(sample("text", held_out=True)).set("train.samples", 0).set("train.keep_best", False)
    return run.set("train.eval_every", 1_000_000).set("backend", "cpu").output(fresh(output))


def fresh(output: Path) -> Path:
    """A folder's name with a number that is still free."""
    return next(p for n in range(1000) if not (p := output.with_name(f"{output.name}-{n}")).exists())


def measure(folder: Path, model: Path, run: Path | None, teacher: Path, seconds: float = 0.0) -> Measured:
    """The figures of a model with a run's adapter: those that a distillation tells before its first step, the same
    yardstick for all."""
    about = distill(model, sample("text"), teacher).steps(1)
    about = about if run is None else about.init_adapter(run)
    rows = len(sample("text", held_out=True).read_text(encoding="utf-8").splitlines())
    about = usual(about, folder / "measured").learning_rate(0.0).set("train.samples", rows)
    answers: list[Sample] = []
    for event in about.events():
        if isinstance(event, Evaluated):
            told = event.metrics
        if isinstance(event, Sample):
            answers.append(event)
        if len(answers) == rows:  # all that is told before the first step
            break
    exact = answer_scores([a.answer for a in answers], [a.expected for a in answers])["exact_match"]
    return Measured(told["hard_loss"], told["kl"], exact, seconds)


def page(found: dict[str, list[Measured]], parameters: int, rows: int, given: Any) -> str:
    facts = machine()
    system = f"{facts['processor']}, {facts['cores']} cores, {facts['system']}"
    command = " ".join(["python -m tests.benchmarks.distill", *sys.argv[1:]])
    return "\n".join(
        [
            "# What the starter learns from a larger teacher",
            "",
            f"Made by `{command}` on {time.strftime('%Y-%m-%d')}: {system}, on the CPU; Python "
            f"{platform.python_version()}, mlx {metadata.version('mlx')}. Other work ran on the machine: the seconds "
            "are no measure of speed. The other figures do not depend on it.",
            "",
            f"The teacher has {parameters:,} parameters, the starter 3,050,688. It is the starter grown to twice the "
            f"blocks and inner layers of {INNER} units, trained for {given.teacher_epochs} epochs on the {rows} rows "
            f"of the sample answers in JSON (LoRA of rank {RANK['teacher']}). The students saw {given.rows} of these "
            f"rows, for {given.steps} steps of 4 (rank {RANK['student']}); learning rate {RATE:g} for all. Each kind "
            f"of student {given.seeds} times with other seeds: the median, and the range in brackets. "
            "Measured on the 40 held-out rows: loss and KL in nats a token of the right answers, and how many greedy "
            "answers are the right one letter by letter. JSD and own answers come after SFT in the first half of the "
            "steps: in a trial of 30 steps from the untrained starter (another teacher, one seed) JSD had brought the "
            "held-out loss to 5.26 only, and reverse KL on own answers to 5.71, where SFT stood at 0.61.",
            "",
            "| model | held-out loss | KL from the teacher | its range beside SFT's | exactly right "
            "| seconds of training |",
            "|---|---|---|---|---|---|",
            *(line(name, each, found["SFT"]) for name, each in found.items()),
            "",
        ]
    )


def line(name: str, each: list[Measured], sft: list[Measured]) -> str:
    return (
        f"| {name} | {spread([m.loss for m in each], '.3f')} | {spread([m.kl for m in each], '.3f')} "
        f"| {beside([m.kl for m in each], [m.kl for m in sft])} | {spread([m.exact for m in each], '.0%')} "
        f"| {statistics.median(m.seconds for m in each):.0f} |"
    )


def beside(mine: list[float], other: list[float]) -> str:
    """Whether one range of values lies below or above another."""
    if max(mine) < min(other):
        return "below"
    return "above" if min(mine) > max(other) else "overlaps"


def spread(values: list[float], form: str) -> str:
    """The median, and where there are several values, their range."""
    middle = format(statistics.median(values), form)
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} – {max(values):{form}})"


if __name__ == "__main__":
    main()
