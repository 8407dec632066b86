"""Hone beside mlx-lm and mlx-lm-lora: python -m tests.benchmarks.peers [--rounds 3] [--quick] [--only sft]

The same random model, rows, tokens, adapter and precision on both sides, each side in a process of its own and by
its own trainer, in turn; the ratio of a round compares two runs that stood side by side. A peer runs at its defaults
and at its best (SETTINGS). The peers are installed into an environment of their own in the cache folder. The figures
go to results/peers.md.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import platformdirs

from core.data.dataset import load_dataset
from core.data.tokenize.encoding import encode_examples
from core.data.tokenize.tokenizer import load_tokenizer
from core.device import openblas
from core.device.machine import machine
from core.device.select import report
from core.files.atomic_files import replacing
from core.resources import STARTER
from tests.benchmarks.weights import write_random

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "peers.md"
PEERS = {"mlx-lm": "mlx_lm_side.py", "mlx-lm-lora": "mlx_lm_lora_side.py"}
PROFILE = (
    "**Rows of equal length: what was tried, and what the profile says** (2026-11-29, processor time, while other "
    "work ran). A step of 2 × 256 tokens with this vocabulary on one core took 185 ms with MLX (OpenBLAS's "
    "kernels for Haswell; 145 ms with those for AVX-512): products 55 %, exponentials 8 %, and the rest a few "
    "thousand small operations, each with memory of its own. With NumPy (core/training/numpy_gradient.py) it "
    "takes 147 ms (102): the adapters are put into the weights once a step (3.4 ms), so that a layer is one "
    "product each way and queries, keys and values, gate and up are one; exponentials take 0.3 ns a number in "
    "place of 3.2; arrays are written in place, in memory that is used again. The gradient agrees with MLX's to "
    "3e-6. Left: base, attention and output layer 103 ms (54), adapters 12, everything else about 32. By "
    "processor time, in two pairs of runs in turn each, that was so many times mlx-lm's tokens at its best as "
    "OpenBLAS comes, and with one core a product, which takes it a third less: 128 tokens 2.8 – 4.4 and 2.1 – "
    "2.5, 256 tokens 3.3 – 3.5 and 2.1 – 2.2, one row a step 2.1 – 2.8 and 1.9, vocabulary 2,048 1.6 – 2.9 and "
    "1.6; with AVX-512 256 tokens 3.4 – 4.3 and 2.1 – 2.4, one row a step 2.6 – 2.8 and 2.2, vocabulary 2,048 2.3 "
    "– 2.5 and 1.7 – 1.8. Before, with MLX, it was 0.9 to 2.7 and less than that. By the clock Hone's two cores "
    "come on top, where they are free. A row that is a batch alone is spread over both cores, token by token and "
    "head by head, for a tenth more processor time; OpenBLAS's own threads, busy while they wait, took ten times "
    "as much there. Tried before without a gain on a CPU, with MLX: one product for layers with one input, "
    "compiling.\n\n"
    "Then (2026-11-29, pairs of runs in turn): OpenBLAS's own threads, with which the adapters were put into the "
    "weights before the first step, went on being busy for 70 ms into it, on one of two cores; a core a product "
    "there, both cores at a time, and one evaluation of all tensors in place of one each. The gradient goes to MLX as "
    "two vectors in place of 70 arrays, and what a batch takes is counted before, so that it is one piece of memory "
    "in place of 110. One row of 169 tokens a step: 37.6 → 32.8 ms, 54.5 → 50.6 ms of both processors; four with "
    "a vocabulary of 2,048: 74.8 → 73.6 ms, their first step, at an hour when all took longer, 180 → 129. What a "
    "batch costs whatever is in it is 6 of the 29 ms of 169 tokens, most of that laying out weights for products: two "
    "such rows in a batch cost a tenth less, and twice the memory. Tried without a gain: attention in tiles of 64 and "
    "of 32 queries. Not done: weights laid out for both directions, a copy more; the adapters' factors beside the "
    "base in one product each way in place of merging, which by count costs more from some 300 tokens a step on."
)
LOOSE = ["inductive-mlxrl==0.2.4"]  # without what it depends on, which it names for a Mac alone
ONE_CORE = "best, one core"
SETTINGS = {
    "defaults": "as its command line calls it: rows in the file's order (it sorts by the number of their fields), "
    "MLX's cache emptied after each step (`clear_cache_threshold` 0; in mlx-lm-lora's DPO and ORPO by the loss), a "
    "report every 10 steps",
    "best": "rows sorted by length (DPO and ORPO: by that of the chosen answer, as always), MLX's cache kept, a report "
    "after the last step only; its own clock, which leaves out making batches and reporting",
    ONE_CORE: "the same with one core a product (`OPENBLAS_NUM_THREADS=1`), which takes less processor time for "
    "products as small as these",
    "Hone": "as `hone train` runs by itself: batches planned by length, packing where it pays, the gradient computed "
    "with NumPy, MLX's cache kept, a report after each step, which its clock counts like the making of batches",
}
PEER_SETTINGS = [name for name in SETTINGS if name != "Hone"]
SHAPE = {
    "model_type": "qwen3",
    "hidden_size": 256,
    "num_hidden_layers": 5,
    "intermediate_size": 640,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "rms_norm_eps": 1e-6,
    "vocab_size": 8192,
    "rope_theta": 10000.0,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}


@dataclass(frozen=True)
class Case:
    """A training run that both sides do.

    `length` fixes the tokens of a row; None gives lengths as instruction data has them.
    """

    title: str
    method: str
    peer: str
    rows: int
    length: int | None = None
    vocabulary: int = 8192
    batch_size: int = 4
    checkpointing: bool = False


@dataclass(frozen=True)
class Side:
    """The figures of one side's run."""

    seconds: float  # of all steps
    cpu: float  # processor seconds of all steps
    peak: int
    loss: float  # mean of all steps
    trained: int
    dtype: str  # of the base's weights
    reference_seconds: float = 0.0  # seconds for the reference, outside the steps


@dataclass(frozen=True)
class Round:
    """The sides of a case that stood beside each other, by their settings, and the real tokens of the rows."""

    sides: dict[str, Side]
    tokens: int

    def ratio(self, settings: str, with_reference: bool = False) -> float:
        """How many times as fast Hone is as the peer with these settings."""
        own = self.sides["Hone"]
        seconds = own.seconds + (own.reference_seconds if with_reference else 0.0)
        return self.sides[settings].seconds / seconds

    def speed(self, settings: str) -> float:
        """Real tokens per second."""
        return self.tokens / self.sides[settings].seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a third of the rows, and fewer cases")
    parser.add_argument("--only", default="", help="cases whose title holds this")
    args = parser.parse_args()
    python = environment()
    report = Report(python, sys.argv[1:])
    with tempfile.TemporaryDirectory(prefix="hone-peers-") as place:
        for case in cases(args.quick):
            if args.only in case.title:
                for _ in range(args.rounds if case.length is None else 1):
                    report.add(case, one_round(case, Path(place), python))


def cases(quick: bool) -> Iterator[Case]:
    rows = 32 if quick else 96
    yield Case("sft, instruction lengths", "sft", "mlx-lm", rows)
    yield Case("sft, instruction lengths", "sft", "mlx-lm-lora", rows)
    yield Case("sft, instruction lengths, checkpointing", "sft", "mlx-lm", rows, checkpointing=True)
    yield Case("dpo, instruction lengths", "dpo", "mlx-lm-lora", rows)
    yield Case("orpo, instruction lengths", "orpo", "mlx-lm-lora", rows)
    for length in (128, 256, 512, 1024):
        yield Case(f"sft, {length} tokens a row", "sft", "mlx-lm", 8 if quick and length == 1024 else 16, length)
    for count in (64,) if quick else (64, 256):
        yield Case(f"sft, {count} rows of 128 tokens", "sft", "mlx-lm", count, 128)
    for vocabulary in (2048, 32768) if quick else (2048, 32768, 65536):
        yield Case(f"sft, vocabulary of {vocabulary:,}", "sft", "mlx-lm", 16, 256, vocabulary)
    for batch_size in (1, 2, 8):
        yield Case(f"sft, batches of {batch_size}", "sft", "mlx-lm", 16, 256, batch_size=batch_size)


def environment() -> Path:
    """The Python of the peers' environment, made on first use."""
    folder = Path(platformdirs.user_cache_dir("Hone", appauthor=False)) / "benchmark-peers"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    requirements = [f"mlx-lm=={metadata.version('mlx-lm')}", "mlx-lm-lora==5.10.2"]
    requirements += [
        f"mlx[cpu]=={metadata.version('mlx')}" if sys.platform == "linux" else f"mlx=={metadata.version('mlx')}"
    ]
    wanted = str([*requirements, *LOOSE])
    if (folder / "ready").is_file() and (folder / "ready").read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    uv = shutil.which("uv")
    subprocess.run([sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), str(folder)], check=True)
    installer = [uv, "pip", "install", "--python", str(python)] if uv else [str(python), "-m", "pip", "install"]
    subprocess.run([*installer, "--quiet", *requirements], check=True)
    subprocess.run([*installer, "--quiet", "--no-deps", *LOOSE], check=True)
    (folder / "ready").write_text(wanted, encoding="utf-8")
    return python


def one_round(case: Case, folder: Path, python: Path) -> Round:
    job, tokens = job_for(case, folder)
    peer = [str(python), str(FOLDER / "sides" / PEERS[case.peer]), str(job)]
    sides = {settings: measure_side([*peer, settings]) for settings in ("defaults", "best")}
    sides[ONE_CORE] = measure_side([*peer, "best"], threads=1)
    sides["Hone"] = measure_side([sys.executable, "-m", "tests.benchmarks.sides.hone_side", str(job)])
    assert len({side.trained for side in sides.values()}) == 1, "the sides train different numbers of parameters"
    assert {side.dtype for side in sides.values()} == {"float32"}, "a side computes in another precision"
    return Round(sides, tokens)


def measure_side(command: list[str], threads: int | None = None) -> Side:
    figures = run_side(command, threads)
    return Side(
        seconds=sum(figures["seconds"]),
        cpu=figures["cpu"],
        peak=figures["peak"],
        loss=statistics.mean(figures["losses"]),
        trained=figures["trained"],
        dtype=figures["dtype"],
        reference_seconds=figures.get("reference_seconds", 0.0),
    )


def run_side(command: list[str], threads: int | None = None) -> dict[str, Any]:
    """The figures that a side prints, run in a process of its own with OpenBLAS, where there is one: MLX's own BLAS is
    far slower. `threads` are the cores that OpenBLAS takes for a product; None: as it decides by itself."""
    environment = dict(os.environ)
    if threads:
        environment["OPENBLAS_NUM_THREADS"] = str(threads)
    library, _ = openblas.report()
    if library:
        environment["LD_PRELOAD"] = library
    environment["MLX_DISABLE_COMPILE"] = "1" if report("auto")["used"] == "cpu" else "0"
    process = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=FOLDER.parent.parent)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{process.stderr[-3000:]}")
    figures: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return figures


def job_for(case: Case, folder: Path) -> tuple[Path, int]:
    """(the file of the job, real tokens of the rows). The model and the rows are written on first use."""
    model = folder / f"model-{case.vocabulary}"
    if not model.exists():
        write_random(model, {**SHAPE, "vocab_size": case.vocabulary})
    kind = "text" if case.method == "sft" else "pairs"
    data = folder / f"{kind}-{case.rows}-{case.length}.jsonl"
    if not data.exists():
        write_rows(data, kind, case.rows, case.length)
    examples = load_dataset(str(data), kind).examples
    encoded_rows = encode_examples(examples, load_tokenizer(model), train_on="answers", max_len=2048)
    texts = [[{"tokens": t.tokens.tolist(), "start": int(t.mask.argmax())} for t in row] for row in encoded_rows]
    rows = folder / "rows.json"
    rows.write_text(json.dumps([row[0] for row in texts] if kind == "text" else texts), encoding="utf-8")
    job = folder / "job.json"
    job.write_text(
        json.dumps(
            {
                "method": case.method,
                "model": str(model),
                "data": str(data),
                "rows": str(rows),
                "rank": 16,
                "dtype": "float32",
                "batch_size": case.batch_size,
                "max_len": 2048,
                "checkpointing": case.checkpointing,
                "train": {"gradient_checkpointing": "on" if case.checkpointing else "off"},
            }
        ),
        encoding="utf-8",
    )
    return job, sum(len(t["tokens"]) for row in texts for t in row)


def write_rows(path: Path, kind: str, count: int, length: int | None) -> None:
    """Rows of random words, as long as instruction data is: questions of about 25 words, answers of about 60."""
    rng = random.Random(7)
    words = sorted({w for w in (STARTER / "README.md").read_text(encoding="utf-8").lower().split() if w.isalpha()})

    def make_text(mean: float, deviation: float, max_words: int) -> str:
        number = max(3, min(max_words, round(rng.lognormvariate(mean, deviation))))
        return " ".join(rng.choices(words, k=number))

    rows = []
    for _ in range(count):
        if length is not None:
            prompt, answers = (
                " ".join(rng.choices(words, k=length // 12)),
                [" ".join(rng.choices(words, k=length // 4))],
            )
        else:
            prompt, answers = make_text(3.2, 0.6, 120), [make_text(4.1, 0.8, 250) for _ in range(2)]
        names = ("completion",) if kind == "text" else ("chosen", "rejected")
        rows.append({"prompt": prompt + "\n", **dict(zip(names, answers, strict=False))})
    with replacing(path) as temporary:
        temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


class Report:
    """The tables as they grow; written after every round."""

    def __init__(self, python: Path, arguments: list[str]) -> None:
        versions = subprocess.run(
            [str(python), "-c", "from importlib.metadata import version as v; print(v('mlx-lm'), v('mlx-lm-lora'))"],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        self.peers = dict(zip(PEERS, versions, strict=True))
        self.arguments = arguments
        self.rounds: dict[Case, list[Round]] = {}

    def add(self, case: Case, measured: Round) -> None:
        self.rounds.setdefault(case, []).append(measured)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(self.page(), encoding="utf-8")
        for settings in PEER_SETTINGS:
            print(self.line(case, settings), flush=True)

    def line(self, case: Case, settings: str) -> str:
        """A case beside its peer with these settings; the middle of its rounds."""
        rounds = self.rounds[case]
        speeds = [r.ratio(settings) for r in rounds]
        peers, own = [r.sides[settings] for r in rounds], [r.sides["Hone"] for r in rounds]
        cpu = statistics.median(a.cpu / b.cpu for a, b in zip(peers, own, strict=True))
        peaks = [statistics.median(side.peak / 1e6 for side in sides) for sides in (peers, own)]
        peer_speed, own_speed = (statistics.median(r.speed(name) for r in rounds) for name in (settings, "Hone"))
        with_reference = statistics.median(r.ratio(settings, with_reference=True) for r in rounds)
        reference = f" ({with_reference:.2f} with it)" if own[0].reference_seconds else ""
        return (
            f"| {case.title} | {case.peer} | {settings} | {peer_speed:,.0f} | {own_speed:,.0f} "
            f"| {statistics.median(speeds):.2f}{reference} | {min(speeds):.2f} – {max(speeds):.2f} | {cpu:.2f} "
            f"| {peaks[0]:,.0f} | {peaks[1]:,.0f} | {peaks[1] / peaks[0]:.2f} "
            f"| {peers[0].loss:.3f} / {own[0].loss:.3f} |"
        )

    def page(self) -> str:
        facts = machine()
        system = f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, {facts['gpu'] or 'no GPU'}"
        versions = ", ".join(f"{k} {v}" for k, v in (facts["versions"] | self.peers).items())
        command = " ".join(["python -m tests.benchmarks.peers", *self.arguments])
        return "\n".join(
            [
                "# Hone beside its peers",
                "",
                f"Made by `{command}` on {time.strftime('%Y-%m-%d')}: {system}; Python {platform.python_version()}, "
                f"{versions}; OpenBLAS on both sides: {facts['blas'] or 'no'}, kernels for "
                f"{openblas.kernels() or '-'}.",
                "",
                "Random Qwen3-shaped weights (5 million parameters, float32 on every side), LoRA of rank 16 on all "
                "linear layers, one epoch, each side with its own trainer and its own batches of the same rows. Tokens "
                "are real ones, without padding. Speed compares the seconds of all steps; a reference model is asked "
                "once before the first step by Hone, and in every step by the peer. Processor time says more where "
                "other work ran on the machine. Memory is MLX's peak, which holds Hone's NumPy arrays. "
                "Compiling is off on a CPU, on every side: "
                "compiled, mlx-lm's steps took as much processor time. Not measured on a Mac. Aimed at: SFT 2.5 times "
                "as fast as mlx-lm at its best, DPO and ORPO 4 times as fast as mlx-lm-lora, each in a third of the "
                "memory. "
                "Where every row has the same length there is no padding to save, and nearly every token is learned: "
                "there the gain is smaller. The mean losses only say that both learn: mlx-lm's AdamW leaves out the "
                "correction of its bias, so that its first steps are three to six times as large, and its rate stays "
                "constant.",
                "",
                "| settings | what they are |",
                "|---|---|",
                *(f"| {name} | {sentence} |" for name, sentence in SETTINGS.items()),
                "",
                "| case | peer | its settings | its tokens/s | Hone's | times as fast | of the rounds "
                "| by processor time | its peak MB | Hone's | share | mean losses |",
                "|---|---|---|---|---|---|---|---|---|---|---|---|",
                *(self.line(case, settings) for case in self.rounds for settings in PEER_SETTINGS),
                "",
                PROFILE,
                "",
            ]
        )


if __name__ == "__main__":
    main()
