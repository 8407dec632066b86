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
from core.training.result_metrics import answer_scores
from resources.make.grow import grow

RESULTS = Path(__file__).parent / "results" / "distill.md"
INNER = 1024  # inner units of the teacher's blocks
RANK, RATE = {"teacher": 64, "student": 16}, 2e-3
OWN = {"max_new_tokens": 64}


@dataclass(frozen=True)
class Recipe:
    """How a student learns from the rows: by SFT alone where there are no options of a distillation."""

    name: str
    options: dict[str, Any] | None = None
    after_sft: bool = False  # the first half of the steps is SFT


RECIPES = (
    Recipe("SFT"),
    Recipe("forward KL", {}),
    Recipe("SFT, then forward KL", {}, after_sft=True),
    Recipe("SFT, then JSD", {"divergence": "jsd"}, after_sft=True),
    Recipe("SFT, then forward KL, half of it on its own answers", {"lmbda": 0.5, **OWN}, after_sft=True),
    Recipe("SFT, then JSD, all of it on its own answers", {"divergence": "jsd", "lmbda": 1.0, **OWN}, after_sft=True),
)


@dataclass(frozen=True)
class Quality:
    """A model's figures on the held-out rows."""

    loss: float  # nats a token of the right answers
    kl: float  # from the teacher, nats a token of the right answers
    exact: float  # share of greedy answers that are the right one, letter by letter
    seconds: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher-epochs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=40, help="rows that the student sees")
    parser.add_argument("--steps", type=int, default=60, help="steps of 4 rows that the student learns for")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each kind; the median is shown")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hone-distill-") as place:
        folder = Path(place)
        count = grow(STARTER, folder / "larger", INNER)
        print(f"teacher: {count:,} parameters", flush=True)
        start = time.perf_counter()
        teacher = teach(folder, args.teacher_epochs)
        seconds = time.perf_counter() - start
        results = {"teacher": [measure(folder, folder / "larger", teacher, teacher, seconds)]}
        results["starter, untrained"] = [measure(folder, STARTER, None, teacher)]
        print(*results.items(), sep="\n", flush=True)
        few = folder / "few.jsonl"
        lines = sample("text").read_text(encoding="utf-8").splitlines(keepends=True)
        few.write_text("".join(lines[: args.rows]), encoding="utf-8")
        for seed in range(args.seeds):
            for recipe in RECIPES:
                student, seconds = learn(folder, few, teacher, recipe, args.steps, seed)
                results.setdefault(recipe.name, []).append(measure(folder, STARTER, student, teacher, seconds))
                print(recipe.name, results[recipe.name][-1], flush=True)
    RESULTS.write_text(page(results, count, len(lines), args), encoding="utf-8")


def teach(folder: Path, epochs: int) -> Path:
    """Train the larger model on all rows; the run's folder."""
    run = finetune(folder / "larger", sample("text")).lora(RANK["teacher"]).learning_rate(RATE).epochs(epochs)
    return with_usual_settings(run, folder / "teacher").run().folder


def learn(folder: Path, rows: Path, teacher: Path, recipe: Recipe, steps: int, seed: int) -> tuple[Path, float]:
    """The starter trained on the rows: (the last run's folder, seconds of training)."""
    sft, seconds = finetune(STARTER, rows).lora(RANK["student"]), 0.0
    runs = [sft]
    if recipe.options is not None:
        runs = [distill(STARTER, rows, teacher).lora(RANK["student"]).options(**recipe.options)]
    if recipe.after_sft:
        runs, steps = [sft, *runs], steps // 2
    previous: Path | None = None
    for run in runs:
        run = run if previous is None else run.init_adapter(previous)
        result = with_usual_settings(run.learning_rate(RATE).steps(steps).seed(seed), folder / "student").run()
        previous, seconds = result.folder, seconds + result.finished.seconds
    assert previous is not None
    return previous, seconds


def with_usual_settings(run: Builder, output: Path) -> Builder:
    """The settings of all runs: held-out rows that are evaluated once at the end, and no sample answers."""
    run = run.held_out(sample("text", held_out=True)).set("train.samples", 0).set("train.keep_best", False)
    return run.set("train.eval_every", 1_000_000).set("backend", "cpu").output(fresh(output))


def fresh(output: Path) -> Path:
    """A folder's name with a number that is still free."""
    return next(p for n in range(1000) if not (p := output.with_name(f"{output.name}-{n}")).exists())


def measure(folder: Path, model: Path, run: Path | None, teacher: Path, seconds: float = 0.0) -> Quality:
    """The figures of a model with a run's adapter: those that a distillation tells before its first step, the same
    yardstick for all."""
    builder = distill(model, sample("text"), teacher).steps(1)
    builder = builder if run is None else builder.init_adapter(run)
    rows = len(sample("text", held_out=True).read_text(encoding="utf-8").splitlines())
    builder = with_usual_settings(builder, folder / "measured").learning_rate(0.0).set("train.samples", rows)
    answers: list[Sample] = []
    for event in builder.events():
        if isinstance(event, Evaluated):
            metrics = event.metrics
        if isinstance(event, Sample):
            answers.append(event)
        if len(answers) == rows:  # all that is told before the first step
            break
    exact = answer_scores([a.answer for a in answers], [a.expected for a in answers])["exact_match"]
    return Quality(metrics["hard_loss"], metrics["kl"], exact, seconds)


def page(results: dict[str, list[Quality]], parameters: int, rows: int, args: Any) -> str:
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
            f"blocks and inner layers of {INNER} units, trained for {args.teacher_epochs} epochs on the {rows} rows "
            f"of the sample answers in JSON (LoRA of rank {RANK['teacher']}). The students saw {args.rows} of these "
            f"rows, for {args.steps} steps of 4 (rank {RANK['student']}); learning rate {RATE:g} for all. Each kind "
            f"of student {args.seeds} times with other seeds: the median, and the range in brackets. "
            "Measured on the 40 held-out rows: loss and KL in nats a token of the right answers, and how many greedy "
            "answers are the right one letter by letter. JSD and own answers come after SFT in the first half of the "
            "steps: in a trial of 30 steps from the untrained starter (another teacher, one seed) JSD had brought the "
            "held-out loss to 5.26 only, and reverse KL on own answers to 5.71, where SFT stood at 0.61.",
            "",
            "| model | held-out loss | KL from the teacher | its range beside SFT's | exactly right "
            "| seconds of training |",
            "|---|---|---|---|---|---|",
            *(line(name, values, results["SFT"]) for name, values in results.items()),
            "",
        ]
    )


def line(name: str, values: list[Quality], sft: list[Quality]) -> str:
    return (
        f"| {name} | {format_range([m.loss for m in values], '.3f')} | {format_range([m.kl for m in values], '.3f')} "
        f"| {compare_ranges([m.kl for m in values], [m.kl for m in sft])} "
        f"| {format_range([m.exact for m in values], '.0%')} | {statistics.median(m.seconds for m in values):.0f} |"
    )


def compare_ranges(values: list[float], baseline: list[float]) -> str:
    """Whether one range of values lies below or above another."""
    if max(values) < min(baseline):
        return "below"
    return "above" if min(values) > max(baseline) else "overlaps"


def format_range(values: list[float], form: str) -> str:
    """The median, and where there are several values, their range."""
    middle = format(statistics.median(values), form)
    return middle if len(values) == 1 else f"{middle} ({min(values):{form}} – {max(values):{form}})"


if __name__ == "__main__":
    main()
