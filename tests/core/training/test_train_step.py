"""The step that a GPU compiles, tried here on the CPU: the same numbers for every method; what the optimizer sees."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten, tree_map

from core import adapters
from core.data.batch.batches import collate
from core.device import parallel_plan
from core.events import Step, Warned
from core.model.load import load
from core.model.log_probs import scatter_targets, target_tokens, to_mlx
from core.resolved import Decision
from core.run import Adapter, Run
from core.train import resume, train
from core.training import compiled_step, dry_run, model_setup, prepare
from core.training.flat_parameters import FlatParameters
from core.training.setup import Setup
from tests.core.conftest import only, write_model

MakeRun = Callable[..., Run]
PAIRS = [{"prompt": f"What is {n}?", "chosen": f"It is {n}." * (1 + n % 3), "rejected": "No!"} for n in range(20)]


@pytest.fixture
def as_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are made as on a GPU: wide rows, targets filled up, shapes that come up again given to mx.compile."""
    decide = model_setup.decide_compiling
    monkeypatch.setattr(model_setup, "decide_compiling", lambda run, device: decide(run, "gpu"))
    monkeypatch.setattr(parallel_plan, "MOST", 1)
    monkeypatch.setattr(compiled_step, "MIN_REPEATS", 2)


@pytest.fixture
def really_compiled(as_on_gpu: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Also with MLX's compiler, which the tests and every CPU otherwise do without."""
    select = prepare.select

    def select_and_compile(requested: str) -> dict[str, str]:
        chosen = select(requested)
        mx.enable_compile()
        return chosen

    monkeypatch.setattr(prepare, "select", select_and_compile)
    yield
    mx.disable_compile()


def numbers(run: Run) -> list[tuple[float, float]]:
    return [(e.loss, e.grad_norm) for e in only(Step, list(train(run)))]


def sections(method: str, tmp_path: Path) -> dict[str, Any]:
    if method == "sft":
        return {}
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    return {"method": method, "data": {"path": str(path)}}


@pytest.mark.parametrize("kind", ["lora", "dora", "full"])
def test_steps_made_for_a_gpu_give_the_same_numbers(
    kind: str, make_run: MakeRun, request: pytest.FixtureRequest
) -> None:
    options: dict[str, Any] = {"adapter": {"type": kind}, "train": {"gradient_accumulation_steps": 2}}
    expected = numbers(make_run(output="plain", **options))
    request.getfixturevalue("as_on_gpu")
    assert np.allclose(numbers(make_run(output="gpu", **options)), expected, rtol=2e-5)


@pytest.mark.parametrize("method", ["dpo", "simpo", "orpo", "kto"])
def test_so_do_those_of_pairs(method: str, make_run: MakeRun, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    options = sections(method, tmp_path)
    expected = numbers(make_run(output="plain", **options))
    request.getfixturevalue("as_on_gpu")
    assert np.allclose(numbers(make_run(output="gpu", **options)), expected, rtol=5e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="MLX compiles for a CPU with g++")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"train": {"gradient_checkpointing": "on"}},
        {"adapter": {"plus": 4.0}, "train": {"gradient_accumulation_steps": 2}},
        {"adapter": {"type": "full"}},
        {"model": {"quantization": "nf4"}},
        {"method": "dpo"},
    ],
    ids=["lora", "checkpointing", "lora+", "full", "nf4", "dpo"],
)
def test_a_compiled_step_gives_the_same_numbers(
    options: dict[str, Any], make_run: MakeRun, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    options = sections(options.get("method", "sft"), tmp_path) | options
    expected = numbers(make_run(output="plain", **options))
    request.getfixturevalue("really_compiled")
    assert np.allclose(numbers(make_run(output="compiled", **options)), expected, rtol=5e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="MLX compiles for a CPU with g++")
@pytest.mark.parametrize("adapter", [{}, {"plus": 4.0}], ids=["lora", "lora+"])
def test_a_compiled_run_that_was_stopped_goes_on(
    adapter: dict[str, Any], make_run: MakeRun, really_compiled: None
) -> None:
    unbroken = numbers(make_run(output="unbroken", adapter=adapter))
    stop, first = threading.Event(), []
    stopped = make_run(output="broken", adapter=adapter)
    for event in train(stopped, stop):
        if isinstance(event, Step):
            first.append((event.loss, event.grad_norm))
            if event.step == 4:
                stop.set()
    resumed = [(e.loss, e.grad_norm) for e in only(Step, list(resume(str(stopped.output))))]
    assert len(first) == 4 and np.allclose(first + resumed, unbroken, rtol=1e-6)


def test_a_model_that_cannot_be_compiled_goes_on_without_and_says_so(
    make_run: MakeRun, as_on_gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(function: Any, **_: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if len(arguments) == 4:  # the gradient, not the optimizer step
                raise ValueError("[eval] Attempting to eval an array during function transformations.\nMore.")
            return function(*arguments)

        return call

    monkeypatch.setattr(mx, "compile", failing)
    run = make_run()
    events = list(train(run))
    assert len(only(Step, events)) == 6
    (warned,) = [e for e in only(Warned, events) if e.code == "compiled"]
    assert "Attempting to eval" in warned.message and "\n" not in warned.message
    resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
    assert resolved["compiled"]["used"] is False and "Attempting" in resolved["compiled"]["reason"]


def test_an_adapter_goes_into_a_vector_and_comes_back(tmp_path: Path) -> None:
    model = load(write_model(tmp_path / "model"), "float32", device="cpu").model
    adapters.attach(model, Adapter(rank=3))
    tensors = dict(tree_flatten(model.trainable_parameters()))
    flat = FlatParameters(model, is_flat=True)
    vectors = flat.flatten(model.trainable_parameters())
    assert vectors.keys() == {"lora_a", "lora_b"} and all(v.ndim == 1 for v in vectors.values())
    flat.put(flat.unflatten({kind: vector + 2 for kind, vector in vectors.items()}))
    restored = dict(tree_flatten(model.trainable_parameters()))
    assert restored.keys() == tensors.keys()
    assert all(mx.array_equal(restored[name], tensors[name] + 2).item() for name in tensors)


def test_a_step_takes_b_scaled_once_for_all_layers(tmp_path: Path) -> None:
    model = load(write_model(tmp_path / "model"), "float32", device="cpu").model
    adapters.attach(model, Adapter(rank=3, alpha=12.0))
    mx.random.seed(1)
    model.update(tree_map(lambda v: mx.random.normal(v.shape), model.trainable_parameters()))
    flat, tokens = FlatParameters(model, is_flat=True), mx.array([[1, 5, 9, 20]])
    original, vectors = model.trainable_parameters(), flat.flatten(model.trainable_parameters())

    def loss(tensors: Any) -> mx.array:
        model.update(tensors)
        return mx.square(model(tokens)).mean()

    expected = flat.flatten(mx.grad(loss)(original))
    tensors = flat.for_step(vectors, mx.float32)
    name = "model.layers.0.mlp.up_proj.lora_b"
    assert mx.allclose(tensors[name], 4 * dict(tree_flatten(original))[name]).item()

    def loss_in_step(tensors: Any) -> mx.array:
        flat.place(tensors)
        return mx.square(model(tokens)).mean()

    with flat.in_step():
        gradient = flat.flatten_gradient(mx.grad(loss_in_step)(tensors))
    model.update(original)
    for kind in ("lora_a", "lora_b"):
        assert float(mx.abs(gradient[kind] - expected[kind]).max()) <= 1e-5 * float(mx.abs(expected[kind]).max())
    assert {m.scale for _, m in model.named_modules() if hasattr(m, "lora_a")} == {4.0}
    assert {v.dtype for _, v in tree_flatten(flat.for_step(vectors, mx.bfloat16))} == {mx.bfloat16}


def test_full_fine_tuning_keeps_its_tensors(tmp_path: Path) -> None:
    model = load(write_model(tmp_path / "model"), "float32", device="cpu").model
    flat = FlatParameters(model, is_flat=False)
    tree = model.trainable_parameters()
    assert flat.flatten(tree) is tree and flat.for_step(tree, mx.bfloat16) is tree


def test_targets_that_fill_up_a_shape_add_nothing() -> None:
    row = SimpleNamespace(tokens=np.arange(1, 9), mask=np.array([0, 0, 0, 1, 1, 1, 1, 1], np.int8))
    exact, padded = (to_mlx(collate([row], [0]), multiple) for multiple in (1, 128))
    assert len(exact.places) == 5 and len(padded.places) == 128
    assert mx.array_equal(target_tokens(padded)[:5], target_tokens(exact)).item()
    values = mx.arange(1, 129).astype(mx.float32)
    assert mx.array_equal(scatter_targets(values, padded), scatter_targets(values[:5], exact)).item()


@pytest.mark.parametrize(
    ("checkpointing", "base", "is_fused", "headroom"),
    [("off", "none", False, 1.2), ("on", "none", False, 1.75), ("on", "nf4", False, 1.2), ("on", "none", True, 1.2)],
)
def test_on_cuda_a_run_takes_what_its_largest_step_needs_and_some_room(
    checkpointing: str, base: str, is_fused: bool, headroom: float, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[int] = []

    def dry_run_as_on_cuda(prepared_run: Setup, train_step: Any, recovery: Any) -> None:
        prepared_run.on_gpu = True
        prepared_run.resolved = replace(prepared_run.resolved, fused=Decision(is_fused, ""))
        monkeypatch.setattr(mx.cuda, "is_available", lambda: True)
        dry_run.dry_run(prepared_run, train_step, recovery)

    monkeypatch.setattr("core.training.train.dry_run", dry_run_as_on_cuda)
    monkeypatch.setattr(mx, "set_memory_limit", lambda limit: limits.append(limit) or 0)
    options = {"steps": dry_run.MIN_STEPS, "gradient_checkpointing": checkpointing}
    run = make_run(train=options, model={"quantization": base})
    assert list(train(run))[-1].reason == "done"
    memory = json.loads((Path(str(run.output)) / "resolved.json").read_text())["memory"]
    assert limits == [1, int(memory["measured"] * headroom), mx.get_memory_limit()]
