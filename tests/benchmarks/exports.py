"""How large each export of a 0.6 B shape becomes, and how long it takes: python -m tests.benchmarks.exports [--small]

Random weights in the shape of Qwen3-0.6B in bfloat16, with a LoRA adapter of rank 16 on every linear layer, go to each
target, each in a process of its own. With `--libllama FOLDER` (see tests/exports) K-quants go too. The page is
results/exports.md; sizes follow from the shape, seconds depend on what else the machine does.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from core.device.machine import machine
from tests.benchmarks.gpu import LARGE, SMALL

RESULTS = Path(__file__).parent / "results" / "exports.md"
# (target, form)
EXPORTS = (
    ("model", "none"), ("model", "affine-4"), ("gguf", "f16"), ("gguf", "bf16"), ("gguf", "q8_0"), ("ollama", "q8_0"),
    ("lmstudio", "none"), ("lmstudio", "affine-4"), ("peft", ""),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a small shape")
    parser.add_argument("--libllama", metavar="FOLDER", help="llama.cpp's library, for K-quants")
    args = parser.parse_args()
    exports = EXPORTS + ((("gguf", "q4_k_m"),) if args.libllama else ())
    with tempfile.TemporaryDirectory(prefix="hone-exports-") as place:
        folder = Path(place)
        if args.libllama:
            from tests.exports.prove import put_quantizer

            put_quantizer(folder, args.libllama)
        call("make", place, json.dumps(SMALL if args.small else LARGE))
        base = size_of(folder / "base")
        lines = []
        for target, form in exports:
            lines.append(call("export", place, target, form))
            print(lines[-1], flush=True)
    page = write_page(base, size_of_adapter(SMALL if args.small else LARGE), lines)
    if not args.small:
        RESULTS.write_text(page, encoding="utf-8")
    print(page)


def call(*args: str) -> str:
    """One step in a process of its own; its last line."""
    command = [sys.executable, "-m", "tests.benchmarks.exports", "--", *args]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return (done.stdout.strip().splitlines() or [""])[-1]


def make(place: str, shape: str) -> None:
    """The base model, and an adapter with every tensor away from where it starts."""
    import mlx.core as mx

    from core import adapters
    from core.model.load import load
    from core.run import Adapter, Model
    from tests.benchmarks.weights import write_random

    folder, options = Path(place), Adapter(rank=16)
    base = write_random(folder / "base", json.loads(shape), lambda w: w.astype(mx.bfloat16))
    model = load(base, "bfloat16", device="cpu").model
    adapters.attach(model, options)
    moved = [(k, v + 0.01 * mx.random.normal(v.shape)) for k, v in adapters.trainable_tensors(model).items()]
    model.load_weights(moved, strict=False)
    (folder / "adapter").mkdir()
    mx.save_safetensors(str(folder / "adapter" / adapters.WEIGHTS), adapters.saved_tensors(model))
    config = adapters.build_config(model, options, Model(path=str(base)))
    (folder / "adapter" / adapters.CONFIG).write_text(json.dumps(config), encoding="utf-8")


def export_one(place: str, target: str, form: str) -> None:
    """Export the adapter, print one row of the table, and remove what was written."""
    import shutil

    from core.events import Saved, Warned
    from core.export import to_lmstudio
    from core.export.request import ExportRequest
    from core.export.targets import export

    to_lmstudio._FOLDERS = (f"{place}/lmstudio",)  # not where a real one looks
    output = Path(place) / "out"
    began, used = time.monotonic(), processor_seconds()
    named = {"lmstudio": "", "gguf": str(output.with_suffix(".gguf"))}.get(target, str(output))
    events = list(export(ExportRequest(f"{place}/adapter", named, form, backend_name="cpu"), target))
    seconds, used = time.monotonic() - began, processor_seconds() - used
    saved = events[-1]
    assert isinstance(saved, Saved)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    checked = [e.message for e in events if isinstance(e, Warned) and e.code == "checked"]
    path = Path(saved.path)
    print(f"| {target} | {form or ' '} | {size_of(path) / 1e6:,.0f} MB | {seconds:.0f} s | {used:.0f} s | "
          f"{peak / 1e9:.1f} GB | {(checked or [' '])[-1]} |")  # fmt: skip
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def processor_seconds() -> float:
    """Of this process and the programs that it ran."""
    return sum(
        u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def size_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def size_of_adapter(shape: dict[str, object]) -> str:
    return f"{shape['num_hidden_layers']} blocks, {shape['hidden_size']} wide, {shape['vocab_size']:,} tokens"


def write_page(base: int, shape: str, lines: list[str]) -> str:
    versions = f"Python {platform.python_version()}, MLX {metadata.version('mlx')}"
    return "\n".join([
        "# Sizes and times of exports",
        "",
        f"`python -m tests.benchmarks.exports`, {time.strftime('%Y-%m-%d')}, {machine()['processor']}, "
        f"{os.cpu_count()} cores, {versions}. Random weights of Qwen3-0.6B's shape ({shape}) in bfloat16, "
        f"{base / 1e6:,.0f} MB, with a LoRA adapter of rank 16 on every linear layer, on a processor; other work ran "
        "beside it, so that the processor's seconds tell more than the clock's. Memory is the process's peak, mapped "
        "files included. An export ends when what it wrote was loaded or read again. An adapter without its run has "
        "no held-out rows to measure on what 4 bit cost.",
        "",
        "| Target | Form | Size | Clock | Processor | Memory | Checked |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
        *lines,
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--"]:
        {"make": make, "export": export_one}[sys.argv[2]](*sys.argv[3:])
    else:
        main()
