"""Two GPUs of one machine beside one: tokens/s, bytes moved, the same curves, and a rank that is killed.

python -m tests.benchmarks.distributed [--small]

Random weights of Qwen3-0.6B's shape in bfloat16, LoRA of rank 16, 4 rows of 1024 tokens a rank: a batch of 4 on one GPU
and of 8 on two, over NCCL. What each part gives is printed and written to results/distributed.md before the next
begins; a part that fails or takes too long is said and left out. It ends within four minutes. --small tries the script
itself on any machine, with two processes over MLX's ring.
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
from pathlib import Path
from typing import Any

from core.device.machine import machine
from tests.benchmarks.gpu import LARGE, SMALL, job

RESULTS = Path(__file__).parent / "results" / "distributed.md"
BUDGET = 230.0  # seconds for everything
STEPS, WARM = 24, 10
SIDE = "tests.benchmarks.sides.distributed_side"
LINK_BYTES = (40_000_000, 100_000_000)
KILL_AFTER = 4  # steps


class Ranks:
    """Processes of this machine as the ranks of a run, and the lines that rank 0 prints, as they come."""

    def __init__(self, count: int, jobs: Path, *words: str, small: bool, float32: bool = False) -> None:
        self.lines: list[dict[str, Any]] = []
        self.processes = []
        self.errors: list[list[str]] = [[] for _ in range(count)]
        for environment in environments(count, jobs.parent, small):
            extra = {"MLX_ENABLE_TF32": "0"} if float32 else {}
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


def environments(count: int, folder: Path, small: bool) -> list[dict[str, str]]:
    """What each rank finds in its environment, as mlx.launch sets it: over NCCL each has a GPU of its own."""
    base = {k: v for k, v in os.environ.items() if not k.startswith(("MLX_RANK", "MLX_HOSTFILE", "NCCL_"))}
    if count == 1:
        return [base | {} if small else base | {"CUDA_VISIBLE_DEVICES": "0"}]
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    if small:
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


def measure_speed(
    page: Page, folder: Path, model: Path, data: str, length: int, cases: list[tuple[str, int, int]]
) -> None:
    """Tokens per second, for each (name, GPUs, rows of the batch)."""
    speeds: dict[str, float] = {}
    page.add(
        "| GPUs and batch | tokens/s | peak GB of rank 0 | bytes a step and rank | waiting |\n|---|---|---|---|---|"
    )
    for name, count, rows in cases:
        jobs = write_jobs(folder, f"speed{count}-{rows}", [sft(name, model, data, length, rows, STEPS)])
        ranks = Ranks(count, jobs, *(map(str, LINK_BYTES) if count == 2 else ()), small=page.small)
        if not ranks.wait(page.left):
            page.add(f"{name}: it failed or took too long. {ranks.told(0)} {ranks.told(count - 1)}")
            continue
        steps = [line for line in ranks.lines if line.get("step", 0) > WARM]
        done = next(line for line in ranks.lines if "done" in line)
        speeds[name] = statistics.median(line["tokens_per_second"] for line in steps)
        waiting = [statistics.median(s.get(f"rank_{r}_waiting", 0.0) for s in steps) for r in range(count)]
        shares = ", ".join(f"{share:.1%}" for share in waiting) if count > 1 else ""
        peak, moved = steps[-1]["peak"] / 1e9, f"{done['bytes']:,.0f}" if count > 1 else ""
        page.text = page.text.rstrip("\n")  # another row of the table
        page.add(f"| {name} | {speeds[name]:,.0f} | {peak:.2f} | {moved} | {shares} |")
        for line in (line for line in ranks.lines if "link" in line):
            print(f"all-sum of {line['link'] / 1e6:.0f} MB: {line['seconds'] * 1e3:.2f} ms", flush=True)
            speeds[f"link {line['link']}"] = line["seconds"]
    if len(cases) > 1 and {cases[0][0], cases[1][0]} <= speeds.keys():
        page.add(f"Two GPUs give {speeds[cases[1][0]] / speeds[cases[0][0]]:.3f} × the tokens/s of one (1.85 asked).")
    sums = [
        f"an all-sum of {size / 1e6:.0f} MB takes {speeds[f'link {size}'] * 1e3:.2f} ms"
        for size in LINK_BYTES
        if f"link {size}" in speeds
    ]
    if sums:
        page.add(f"Between the ranks {' and '.join(sums)}.")


def curve_jobs(folder: Path) -> list[dict[str, Any]]:
    """8 steps of the starter model in float32, by three methods, with odd rows and accumulation."""
    pairs = [{"prompt": f"What is {n}?", "chosen": f"It is {n}." * (1 + n % 3), "rejected": "No!"} for n in range(21)]
    questions = [{"question": f"What is {n}+1?", "answer": str(n + 1)} for n in range(11)]
    files = {}
    for name, rows in (("pairs", pairs), ("questions", questions)):
        files[name] = str(folder / f"{name}.jsonl")
        Path(files[name]).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    train = {"steps": 8, "eval_every": 8, "samples": 0, "learning_rate": 1e-3, "batch_size": 4, "forgetting": "off"}
    jobs = []
    for method, data, options, more in (
        ("sft", "demo", {}, {"batch_size": 3, "gradient_accumulation_steps": 3}),
        ("dpo", files["pairs"], {}, {"batch_size": 5}),
        ("grpo", files["questions"], {"rewards": ["length"], "group_size": 4, "max_completion_length": 10}, {}),
    ):
        run = {
            "method": method,
            "model": {"path": "starter", "dtype": "float32"},
            "data": {"path": data, "max_seq_len": 256},
            "train": train | more,
            "options": options,
        }
        jobs.append({"name": method, "run": run})
    return jobs


def compare_curves(page: Page, folder: Path) -> None:
    """The losses of one and of two, step by step."""
    jobs = write_jobs(folder, "curves", curve_jobs(folder))
    losses: list[dict[str, list[float]]] = []
    for count in (1, 2):
        ranks = Ranks(count, jobs, small=page.small, float32=True)
        if not ranks.wait(page.left):
            page.add(f"The curves of {count}: it failed or took too long. {ranks.told(0)} {ranks.told(count - 1)}")
        losses.append({line["done"]: line["losses"] for line in ranks.lines if "done" in line})
    one, two = losses
    for name in one.keys() & two.keys():
        largest = max(abs(a - b) for a, b in zip(one[name], two[name], strict=True))
        page.add(
            f"{name.upper()}, the starter in float32, 8 steps: the losses of two and of one differ by {largest:.1e}."
        )


def kill_a_rank(page: Page, folder: Path, model: Path, data: str, length: int) -> None:
    """How long after the death of a rank the run ends, and what it says."""
    jobs = write_jobs(folder, "killed", [sft("killed", model, data, length, 8, 10_000)])
    ranks = Ranks(2, jobs, small=page.small)
    deadline = time.monotonic() + min(90.0, page.left)
    while time.monotonic() < deadline and not any(line.get("step") == KILL_AFTER for line in ranks.lines):
        time.sleep(0.02)
    ranks.processes[1].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    try:
        code = ranks.processes[0].wait(max(1.0, min(40.0, page.left)))
        seconds = time.monotonic() - killed
        ranks.end()
        said = ranks.told(0).splitlines()[-1:] or ["nothing"]
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
    with tempfile.TemporaryDirectory(prefix="hone-ranks-") as place:
        folder = Path(place)
        (folder / "shape.json").write_text(json.dumps(shape), encoding="utf-8")
        subprocess.run([sys.executable, "-m", "tests.benchmarks.sides.gpu_side", "make", place], check=True, timeout=60)
        job(folder, "answers", length, prompt=8)
        model, data = folder / "model", str(folder / "answers.jsonl")
        measure_speed(page, folder, model, data, length, [("one, 4 rows", 1, 4), ("two, 8 rows", 2, 8)])
        kill_a_rank(page, folder, model, data, length)
        compare_curves(page, folder)
        measure_speed(page, folder, model, data, length, [("one, 8 rows", 1, 8)])
    print(f"done after {time.monotonic() - page.start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
