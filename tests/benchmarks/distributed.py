"""Two GPUs of one machine beside one: tokens/s, bytes moved, the same curves, and a rank that is killed.

python -m tests.benchmarks.distributed [--small]

Random weights of Qwen3-0.6B's shape in bfloat16, LoRA of rank 16, 4 rows of 1024 tokens a rank: a batch of 4 on one
GPU and of 8 on two, over NCCL, and over the ring, where each rank has to take a GPU of its own by itself. All runs
start and warm up beside each other, each with kernels of its own; then one after the other is measured alone. What
each part gives is printed and written to results/distributed.md before the next begins; a part that fails or takes
too long is told and left out. It ends within 300 seconds. --small tries the script itself on any machine, with
processes over MLX's ring.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from core.device.machine import machine
from tests.benchmarks.gpu import LARGE, SMALL, job

RESULTS = Path(__file__).parent / "results" / "distributed.md"
BUDGET = 300.0  # seconds for everything
STEPS, WARM = 24, 10
SIDE = "tests.benchmarks.sides.distributed_side"
LAST = 10_000  # steps of the run of which a rank is killed


class Ranks:
    """Processes of this machine as the ranks of a run, and the lines that rank 0 prints, as they come."""

    def __init__(
        self, count: int, jobs: Path, *words: str, small: bool, float32: bool = False, ring: bool = False
    ) -> None:
        self.lines: list[dict[str, Any]] = []
        self.processes = []
        self.errors: list[list[str]] = [[] for _ in range(count)]
        for environment in environments(count, jobs.parent, small or ring):
            extra = {"MLX_PTX_CACHE_DIR": tempfile.mkdtemp(prefix="kernels-", dir=jobs.parent)}
            if float32:
                extra["MLX_ENABLE_TF32"] = "0"
            command = [sys.executable, "-m", SIDE, str(jobs), *words]
            process = subprocess.Popen(
                command, env=environment | extra, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            self.processes.append(process)
        readers = [threading.Thread(target=self._read_lines, args=(p,), daemon=True) for p in self.processes]
        readers += [
            threading.Thread(target=self.errors[rank].extend, args=(p.stderr,), daemon=True)
            for rank, p in enumerate(self.processes)
        ]
        self._readers = readers
        for reader in readers:
            reader.start()

    def _read_lines(self, process: Any) -> None:
        for line in process.stdout:
            if line.startswith("{"):
                self.lines.append(json.loads(line))

    def wait(self, seconds: float) -> bool:
        """Whether all ended well within so many seconds; none is left."""
        deadline = time.monotonic() + seconds
        try:
            codes = [process.wait(max(0.1, deadline - time.monotonic())) for process in self.processes]
        except subprocess.TimeoutExpired:
            codes = [None]
        self.end()
        return codes == [0] * len(codes)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        for reader in self._readers:
            reader.join(5)

    def told(self, rank: int) -> str:
        """The end of what a rank wrote on standard error."""
        return "".join(self.errors[rank]).strip()[-600:]


def environments(count: int, folder: Path, ring: bool) -> list[dict[str, str]]:
    """What each rank finds in its environment, as mlx.launch sets it: over NCCL each has a GPU of its own. One rank
    alone has the first, or with `ring` what there is."""
    base = {k: v for k, v in os.environ.items() if not k.startswith(("MLX_RANK", "MLX_HOSTFILE", "NCCL_"))}
    if count == 1:
        return [base | {} if ring else base | {"CUDA_VISIBLE_DEVICES": "0"}]
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    if ring:
        file = folder / f"hosts-{ports[0]}.json"
        file.write_text(json.dumps([[f"127.0.0.1:{port}"] for port in ports]), encoding="utf-8")
        return [base | {"MLX_HOSTFILE": str(file), "MLX_RANK": str(rank)} for rank in range(count)]
    nccl = {"NCCL_HOST_IP": "127.0.0.1", "NCCL_PORT": str(ports[0]), "MLX_WORLD_SIZE": str(count)}
    return [base | nccl | {"MLX_RANK": str(rank), "CUDA_VISIBLE_DEVICES": str(rank)} for rank in range(count)]


class Page:
    """The page of results: each figure is printed and written as soon as it is there."""

    def __init__(self, small: bool) -> None:
        self.start, self.small = time.monotonic(), small
        facts = machine()
        versions = ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
        today = time.strftime("%Y-%m-%d")
        self.text = (
            "# Several GPUs: two beside one\n\n"
            f"Made by `python -m tests.benchmarks.distributed` on {today}: {facts['gpu'] or 'no GPU'} "
            f"({facts['gpu_kind'] or facts['gpu_reason']}); {versions}. "
            "LoRA of rank 16 on all linear layers, base in bfloat16, adapters in float32, random weights of "
            f"Qwen3-0.6B's shape; {STEPS} steps of 4 rows of 1,024 tokens a rank, over NCCL on two. The middle of the "
            f"steps after {WARM}.\n"
        )

    @property
    def left(self) -> float:
        return (10 if self.small else 1) * BUDGET - (time.monotonic() - self.start)

    def add(self, text: str) -> None:
        print(f"[{time.monotonic() - self.start:.0f} s] {text}", flush=True)
        self.text += f"\n{text}\n"
        if not self.small:
            RESULTS.write_text(self.text, encoding="utf-8")


def sft(name: str, model: Path, data: str, length: int, rows: int, steps: int, **train: Any) -> dict[str, Any]:
    """A run of plain steps."""
    options = {"batch_size": rows, "steps": steps, "learning_rate": 1e-4, "samples": 0, "save_every": 10**6}
    options |= {"forgetting": "off"} | train
    return {
        "name": name,
        "run": {
            "method": "sft",
            "model": {"path": str(model)},
            "data": {"path": data, "max_seq_len": length, "eval_split": 0.0},
            "adapter": {"rank": 16},
            "train": options,
        },
    }


def write_jobs(folder: Path, name: str, jobs: list[dict[str, Any]]) -> Path:
    path = folder / f"{name}-jobs.json"
    path.write_text(json.dumps(jobs), encoding="utf-8")
    return path


class Case:
    """A run whose speed is measured: it warms up beside the others, and goes on alone from a gate."""

    def __init__(self, page: Page, folder: Path, name: str, count: int, run: dict[str, Any], steps: int) -> None:
        self.name, self.count, self.page, self.steps, ring = name, count, page, steps, "ring" in name
        self.gate = folder / f"go-{name.replace(' ', '-')}"
        jobs = write_jobs(folder, name.replace(" ", "-"), [run | {"gate": [WARM, str(self.gate)]}])
        self.ranks = Ranks(count, jobs, small=page.small, ring=ring)

    def reach(self, step: int, seconds: float) -> bool:
        """Whether a step is done in time; what went wrong is told."""
        deadline = time.monotonic() + min(seconds, self.page.left)
        while time.monotonic() < deadline and not any(p.poll() is not None for p in self.ranks.processes):
            if any(line.get("step", 0) >= step for line in self.ranks.lines):
                return True
            time.sleep(0.02)
        if any(line.get("step", 0) >= step for line in self.ranks.lines):
            return True
        told = " / ".join(self.ranks.told(rank) for rank in range(self.count))
        self.page.add(f"{self.name}: step {step} is not done after {len(self.ranks.lines)} lines. {told}")
        return False

    def measure(self) -> float:
        """Go on alone, and tell the speed; 0 where there is none."""
        self.gate.touch()
        if not self.reach(WARM, 1.0) or not self.reach(self.steps, 60.0):
            return 0.0
        steps = [line for line in self.ranks.lines if line.get("step", 0) > WARM + 1]
        speed = statistics.median(line["tokens_per_second"] for line in steps)
        waiting = [statistics.median(s.get(f"rank_{r}_waiting", 0.0) for s in steps) for r in range(self.count)]
        shares = ", ".join(f"{share:.1%}" for share in waiting) if self.count > 1 else ""
        moved = f"{statistics.median(s['bytes'] for s in steps):,.0f}" if self.count > 1 else ""
        names = sorted({name for s in steps for name in s["spent"]})
        host = {name: statistics.median(s["spent"].get(name, 0.0) for s in steps) * 1e3 for name in names}
        told = ", ".join(f"{name.strip('_')} {value:.1f}" for name, value in host.items())
        self.page.text = self.page.text.rstrip("\n")  # another row of the table
        self.page.add(f"| {self.name} | {speed:,.0f} | {steps[-1]['peak'] / 1e9:.2f} | {moved} | {shares} | {told} |")
        return speed


def curve_jobs(folder: Path) -> list[dict[str, Any]]:
    """8 steps of the starter model in float32, by three methods, with odd rows and accumulation."""
    pairs = [{"prompt": f"What is {n}?", "chosen": f"It is {n}." * (1 + n % 3), "rejected": "No!"} for n in range(21)]
    file = folder / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in pairs), encoding="utf-8")
    questions = folder / "questions.jsonl"
    asked = [{"question": f"What is {n}+1?", "answer": str(n + 1)} for n in range(21)]
    questions.write_text("".join(json.dumps(row) + "\n" for row in asked), encoding="utf-8")
    writing = {"rewards": ["length"], "group_size": 4, "max_completion_length": 16}
    train = {"steps": 8, "eval_every": 8, "samples": 0, "learning_rate": 1e-3, "batch_size": 4, "forgetting": "off"}
    jobs = []
    cases: tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...] = (
        ("sft", "demo", {}, {"batch_size": 3, "gradient_accumulation_steps": 3}),
        ("dpo", str(file), {}, {"batch_size": 5}),
        ("grpo", str(questions), writing, {"batch_size": 3}),
    )
    for method, data, options, more in cases:
        run = {
            "method": method,
            "model": {"path": "starter", "dtype": "float32"},
            "data": {"path": data, "max_seq_len": 256},
            "train": train | more,
            "options": options,
        }
        jobs.append({"name": method, "run": run})
    return jobs


def compare_curves(page: Page, both: list[Ranks]) -> None:
    """The losses of one and of two, step by step."""
    losses: list[dict[str, list[float]]] = []
    for count, ranks in enumerate(both, 1):
        if not ranks.wait(max(1.0, min(90.0, page.left - 60)) * (10 if page.small else 1)):
            told = " / ".join(ranks.told(rank) for rank in range(count))
            page.add(f"The curves of {count}: it failed or took too long. {told}")
        losses.append({line["done"]: line["losses"] for line in ranks.lines if "done" in line})
    one, two = losses
    for name in one.keys() & two.keys():
        largest = max(abs(a - b) for a, b in zip(one[name], two[name], strict=True))
        page.add(
            f"{name.upper()}, the starter in float32, 8 steps: the losses of two and of one differ by {largest:.1e}."
        )


def kill_a_rank(page: Page, ranks: Ranks) -> None:
    """How long after the death of a rank the run ends, and what it says."""
    ranks.processes[1].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    try:
        code = ranks.processes[0].wait(max(5.0, min(40.0, page.left)))
        seconds = time.monotonic() - killed
        ranks.end()
        said = ranks.told(0).splitlines()[-1:] or [f"nothing; last on stdout: {ranks.lines[-1:]}"]
        page.add(f"Rank 1 killed: the run ended {seconds:.1f} s later, exit {code}: {said[0]}")
    except subprocess.TimeoutExpired:
        page.add(f"Rank 1 killed: rank 0 had not ended {time.monotonic() - killed:.0f} s later. {ranks.told(0)}")
    ranks.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a small shape and short rows, on processors")
    args = parser.parse_args()
    length, shape = (64, SMALL) if args.small else (1024, LARGE)
    page = Page(args.small)
    with tempfile.TemporaryDirectory(prefix="hone-ranks-") as place, ExitStack() as running:
        folder = Path(place)
        (folder / "shape.json").write_text(json.dumps(shape), encoding="utf-8")
        curves = write_jobs(folder, "curves", curve_jobs(folder))
        both = [Ranks(count, curves, small=page.small, float32=True) for count in (1, 2)]
        for ranks in both:
            running.callback(ranks.end)
        subprocess.run([sys.executable, "-m", "tests.benchmarks.sides.gpu_side", "make", place], check=True, timeout=90)
        job(folder, "answers", length, prompt=8)
        page.add("The model is there; all runs warm up.")
        cases = []
        names = [
            ("one, 4 rows", 1, 4),
            ("one, 8 rows", 1, 8),
            ("two over the ring, 8 rows", 2, 8),
            ("two, 8 rows", 2, 8),
        ]
        for name, count, rows in names:
            last = LAST if name == names[-1][0] else STEPS
            run = sft(name, folder / "model", str(folder / "answers.jsonl"), length, rows, last)
            cases.append(Case(page, folder, name, count, run, STEPS))
            running.callback(cases[-1].ranks.end)
        for case in cases:
            case.reach(WARM, page.left - 40)
        compare_curves(page, both)
        page.add(
            "| GPUs and batch | tokens/s | peak GB of rank 0 | bytes a step and rank | waiting | host, ms |\n"
            + 6 * "|---"
            + "|"
        )
        speeds = [case.measure() for case in cases]
        gpus = [line["gpu"] for line in cases[2].ranks.lines if "gpu" in line]
        page.add(f"Over the ring the ranks took these GPUs: {'; '.join(gpus)}.")
        kill_a_rank(page, cases[-1].ranks)
        if speeds[0] and speeds[-1]:
            page.add(f"Two GPUs give {speeds[-1] / speeds[0]:.3f} × the tokens/s of one (1.85 asked).")
    print(f"done after {time.monotonic() - page.start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
