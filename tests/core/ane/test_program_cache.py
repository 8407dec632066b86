"""Programs that are kept: by all that decides them, whole or made anew, within bounds, for several processes."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core.ane import program_cache, runner
from core.ane.program import chunk_spec
from core.ane.program_cache import FILES, ProgramCache, is_whole, program_key
from core.ane.runner import CoreMLRunner
from core.events import Phase, Warned
from core.run import Run
from core.train import train
from tests.core.ane.tiny import LLAMA3, add_lora, tiny_model
from tests.core.conftest import only


def making(text: str = "weights") -> Callable[[Path], None]:
    def make(package: Path) -> None:
        (package / "Data").mkdir(parents=True)
        (package / "Data" / "weight.bin").write_text(text)

    return make


def key(model: Any, length: int = 128, **options: Any) -> str:
    return program_key(model.layers, chunk_spec(model.layers, length, **options))


def test_the_key_names_all_that_decides_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    model = add_lora(tiny_model("llama"))
    usual = key(model)
    keys = {usual, key(model, 256), key(model, taps=False), key(model, dtype=np.float32)}
    keys |= {key(add_lora(tiny_model(family))) for family in ("qwen2", "qwen3")}
    keys |= {key(tiny_model("llama")), key(add_lora(tiny_model("llama"), rank=40))}
    keys |= {key(add_lora(tiny_model("llama", **change))) for change in (
        {"rope_theta": 5e5}, {"rope_scaling": LLAMA3}, {"rms_norm_eps": 1e-5}, {"kv_heads": 4},
    )}  # fmt: skip
    model.layers[0].mlp.up_proj.lora_b += 1  # an adapter is an input
    assert key(model) == usual
    for weight in (model.layers[0].mlp.up_proj.linear, model.layers[0].input_layernorm):
        weight.weight = weight.weight + 1e-3
        keys.add(key(model))
    half = add_lora(tiny_model("llama"))
    half.layers[0].self_attn.q_proj.linear.set_dtype(mx.bfloat16)
    keys.add(key(half))
    machine = program_cache.machine_key()
    for i in range(len(machine)):
        monkeypatch.setattr(program_cache, "machine_key", lambda i=i: [*machine[:i], "another", *machine[i + 1 :]])
        keys.add(key(add_lora(tiny_model("llama"))))
    assert len(keys) == 12 + 2 + 1 + len(machine)


def test_a_program_is_made_once(tmp_path: Path) -> None:
    cache = ProgramCache(tmp_path / "programs")
    package, was_kept = cache.get("a", making())
    assert not was_kept and (package / "Data" / "weight.bin").read_text() == "weights"
    assert cache.get("a", making("other")) == (package, True) and cache.size == len("weights")
    assert cache.get("b", making("other"))[1] is False
    assert {path.name for path in cache.folder.iterdir()} == {"a", "b"}


@pytest.mark.parametrize("damage", ["shorter", "other", "gone", "list", "list gone", "list of nonsense"])
def test_a_damaged_entry_is_made_anew(damage: str, tmp_path: Path) -> None:
    cache = ProgramCache(tmp_path)
    package, _ = cache.get("a", making())
    file, files = package / "Data" / "weight.bin", package.parent / FILES
    {
        "shorter": lambda: file.write_text("w"),
        "other": lambda: file.write_text("weightS"),
        "gone": lambda: shutil.rmtree(package),
        "list": lambda: files.write_text("{"),
        "list gone": files.unlink,
        "list of nonsense": lambda: files.write_text('{"a": 3}'),
    }[damage]()
    assert not is_whole(package.parent)
    assert cache.get("a", making()) == (package, False) and file.read_text() == "weights"
    assert cache.get("a", making()) == (package, True)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(package: Path) -> None:
        making()(package)
        raise OSError("No space left on device")

    with pytest.raises(OSError, match="No space"):
        ProgramCache(tmp_path).get("a", fails)
    assert list(tmp_path.iterdir()) == []


def test_two_that_make_the_same_at_once(tmp_path: Path) -> None:
    cache, both = ProgramCache(tmp_path), threading.Barrier(2, timeout=30)
    found: list[Any] = []

    def make(package: Path) -> None:
        making()(package)
        both.wait()

    threads = [threading.Thread(target=lambda: found.append(cache.get("a", make))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(tmp_path / "a" / program_cache.PACKAGE, False)] * 2
    assert is_whole(tmp_path / "a") and [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_oldest_go_where_there_is_too_much(tmp_path: Path) -> None:
    cache = ProgramCache(tmp_path, most_bytes=20)
    for age, name in ((5000, "old"), (4000, "older use"), (3000, "new")):
        cache.get(name, making("8 bytes."))
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    cache.clean()
    assert {path.name for path in tmp_path.iterdir()} == {"older use", "new"}
    cache.get("older use", making())  # used again: the last that goes
    os.utime(tmp_path / "new", (time.time() - 4000,) * 2)
    cache.get("newest", making("8 bytes."))
    assert {path.name for path in tmp_path.iterdir()} == {"older use", "newest"}
    cache.get("another", making("8 bytes."))  # all were used just now, perhaps by another process
    assert cache.size == 24
    abandoned = tmp_path / ".killed"
    abandoned.mkdir()
    cache.clean()
    assert abandoned.exists()
    os.utime(abandoned, (time.time() - 90_000,) * 2)
    cache.clean()
    assert not abandoned.exists()


class CoreML:
    """coremltools as far as a runner uses it; says how programs were loaded."""

    ComputeUnit = SimpleNamespace(CPU_AND_NE="CPU_AND_NE")

    def __init__(self, compiled: Path) -> None:
        self.loads: list[str] = []
        self.models = SimpleNamespace(MLModel=self.load_package, CompiledMLModel=self.load_compiled)
        making("compiled")(compiled)
        self.compiled = compiled

    def load_package(self, package: str, compute_units: str) -> Any:
        self.loads.append("package")
        return SimpleNamespace(get_compiled_model_path=lambda: str(self.compiled))

    def load_compiled(self, folder: str, compute_units: str) -> Any:
        assert (Path(folder) / "Data" / "weight.bin").read_text() == "compiled"
        self.loads.append("compiled")
        return SimpleNamespace()


def test_what_core_ml_compiles_is_kept_with_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core_ml = CoreML(tmp_path / "temporary.mlmodelc")
    monkeypatch.setattr(runner, "load_coremltools", lambda: core_ml)
    cache = ProgramCache(tmp_path / "programs")
    for _ in range(3):
        CoreMLRunner(cache.get("a", making())[0])
    assert core_ml.loads == ["package", "compiled", "compiled"]
    assert cache.size == len("weights") + len("compiled")
    (tmp_path / "programs" / "a" / "program.mlmodelc" / "Data" / "weight.bin").write_text("compileD")
    for _ in range(2):
        CoreMLRunner(cache.get("a", making())[0])
    assert core_ml.loads[3:] == ["package", "compiled"]
    making()(tmp_path / "elsewhere" / "program.mlpackage")  # no entry: nothing is kept beside it
    CoreMLRunner(tmp_path / "elsewhere" / "program.mlpackage")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["program.mlpackage"]


def test_a_second_run_finds_its_programs(make_run: Any, use_machine: Any, tmp_path: Path) -> None:
    use_machine(programs=ProgramCache(tmp_path / "programs"))
    said, counts = [], []
    for name in ("first", "second"):
        events = list(train(make_run(name, backend="ane", train={"steps": 1, "seed": 7})))
        said.append([e.detail for e in only(Phase, events) if e.name.startswith("Making programs")][-1])
        resolved = json.loads((tmp_path / name / "resolved.json").read_text())
        counts.append(resolved["backend"]["neural_engine"]["facts"]["programs"])
    made = counts[0]["made"]
    assert counts == [{"made": made, "kept": 0}, {"made": 0, "kept": made}]
    assert said == [str(made), f"{made}, {made} kept from before"]


def test_a_disk_that_is_full_costs_a_run_nothing_but_the_reason(
    make_run: Callable[..., Run], use_machine: Any, tmp_path: Path
) -> None:
    class Full(ProgramCache):
        def get(self, key: str, make: Callable[[Path], None]) -> tuple[Path, bool]:
            raise OSError(28, "No space left on device")

    use_machine(programs=Full(tmp_path / "programs"))
    events = list(train(make_run("full", backend="ane", train={"steps": 1})))
    (told,) = [e.message for e in only(Warned, events) if e.code == "neural-engine"]
    assert told == "Neural Engine: not used. Its programs cannot be kept (no space is left on the disk)."
