"""Write adapters of every kind for PEFT, and have PEFT compare: python -m tests.exports.prove_peft PYTHON

PYTHON is the interpreter of an environment with torch, transformers and peft. Prints a table of the largest difference
of the logits, relative to their size, from those that Hone gives with the adapter before it was written.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from core import adapters
from core.export import to_peft
from core.model.load import load
from core.run import Adapter, Model

REFERENCE = Path(__file__).parents[1] / "reference"
TOKENS = [1, 5, 9, 20, 33, 4, 60, 2, 77, 130, 201, 383]
# Adapters that Hone makes: {name: (model, options)}; qwen3-tiny's embeddings are its output layer too.
MADE: dict[str, tuple[str, Adapter]] = {
    "lora": ("qwen3-tiny", Adapter(rank=4)),
    "dora": ("llama-tiny", Adapter(type="dora", rank=3)),
    "rslora, attention": ("llama-tiny", Adapter(rank=4, rslora=True, targets="attention")),
    "embeddings and head": ("llama-tiny", Adapter(rank=4, targets="all,embeddings,head")),
    "embeddings that are the head": ("qwen3-tiny", Adapter(rank=4, targets="all,embeddings")),
}


def make(folder: Path, base: Path, options: Adapter) -> None:
    """An adapter as a run writes it, with every tensor far from where it starts."""
    model = load(base, "float32", device="cpu").model
    adapters.attach(model, options)
    mx.random.seed(5)
    moved = [(k, v + 0.1 * mx.random.normal(v.shape)) for k, v in adapters.trainable_tensors(model).items()]
    model.load_weights(moved, strict=False)
    folder.mkdir()
    mx.save_safetensors(str(folder / adapters.WEIGHTS), adapters.saved_tensors(model))
    config = adapters.build_config(model, options, Model(path=str(base)))
    (folder / adapters.CONFIG).write_text(json.dumps(config), encoding="utf-8")


def make_case(name: str, source: Path, base: Path, scratch: Path) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """(what PEFT is to load, the logits [T, V] that it should give)."""
    model = load(base, "float32", device="cpu").model
    adapters.load(model, source)
    model.eval()
    target = scratch / f"{name}-peft"
    for _ in to_peft(source, target):
        pass
    case = {"base": str(base), "adapter": str(target), "tokens": TOKENS, "logits": str(scratch / f"{name}.npy")}
    return case, np.array(model(mx.array([TOKENS]))[0])


def main(python: str, scratch: Path) -> None:
    cases, expected = {}, {}
    for name, (base_name, options) in MADE.items():
        base, source = REFERENCE / "models" / base_name, scratch / name
        make(source, base, options)
        cases[name], expected[name] = make_case(name, source, base, scratch)
        again = scratch / f"{name}, gone on from"  # the same through options.init: what a later run writes
        make(again, base, Adapter(init=str(source)))
        cases[again.name], expected[again.name] = make_case(again.name, again, base, scratch)
    for folder in sorted((REFERENCE / "saved_modules").iterdir()):
        if not folder.is_dir():
            continue
        base = REFERENCE / "models" / json.loads((folder / adapters.CONFIG).read_text())["base_model_name_or_path"]
        source = scratch / f"modules_to_save: {folder.name}"
        make(source, base, Adapter(init=str(folder)))
        cases[source.name], expected[source.name] = make_case(source.name, source, base, scratch)
    (scratch / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    script = Path(__file__).with_name("peft_check.py")
    done = subprocess.run([python, "-P", str(script), str(scratch / "cases.json")], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    warned = json.loads(done.stdout)
    print("| adapter | with the adapter | merged in PEFT | PEFT warned |\n| --- | ---: | ---: | --- |")
    for name, case in cases.items():
        found, wanted = np.load(case["logits"]), expected[name]
        differences = [f"{np.linalg.norm(logits - wanted) / np.linalg.norm(wanted):.0e}" for logits in found]
        print(f"| {name} | {' | '.join(differences)} | {'; '.join(warned[name])[:60]} |")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(sys.argv[1], Path(folder))
