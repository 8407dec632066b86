"""The step that a GPU compiles, tried here on the CPU: the same numbers for every method; what the optimizer sees."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
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
from core.model.log_probs import in_place, learned_tokens, to_mlx
from core.run import Adapter, Run
from core.train import resume, train
from core.training import compiled_step, setup
from core.training import trainer as loop
from core.training.flat_parameters import FlatParameters
from tests.core.conftest import only, write_model

MakeRun = Callable[..., Run]
PAIRS = [{"prompt": f"What is {n}?", "chosen": f"It is {n}." * (1 + n % 3), "rejected": "No!"} for n in range(20)]


@pytest.fixture
def as_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps are made as on a GPU: wide rows, targets filled up, shapes that come up again given to mx.compile."""
    plain = setup._why_plain
    monkeypatch.setattr(setup, "_why_plain", lambda run, device: plain(run, "gpu"))
    monkeypatch.setattr(parallel_plan, "MOST", 1)
    monkeypatch.setattr(compiled_step, "MIN_REPEATS", 2)


@pytest.fixture
def really_compiled(as_on_gpu: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Also with MLX's compiler, which the tests and every CPU otherwise do without."""
    select = setup.backend.select

    def compiling(requested: str) -> dict[str, str]:
        chosen = select(requested)
        mx.enable_compile()
        return chosen

    monkeypatch.setattr(setup.backend, "select", compiling)
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
    about: dict[str, Any] = {"adapter": {"type": kind}, "train": {"gradient_accumulation_steps": 2}}
    expected = numbers(make_run(output="plain", **about))
    request.getfixturevalue("as_on_gpu")
    assert np.allclose(numbers(make_run(output="gpu", **about)), expected, rtol=2e-5)


@pytest.mark.parametrize("method", ["dpo", "simpo", "orpo", "kto"])
def test_so_do_those_of_pairs(method: str, make_run: MakeRun, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    about = sections(method, tmp_path)
    expected = numbers(make_run(output="plain", **about))
    request.getfixturevalue("as_on_gpu")
    assert np.allclose(numbers(make_run(output="gpu", **about)), expected, rtol=5e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="MLX compiles for a CPU with g++")
@pytest.mark.parametrize(
    "about",
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
    about: dict[str, Any], make_run: MakeRun, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    about = sections(about.get("method", "sft"), tmp_path) | about
    expected = numbers(make_run(output="plain", **about))
    request.getfixturevalue("really_compiled")
    assert np.allclose(numbers(make_run(output="compiled", **about)), expected, rtol=5e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="MLX compiles for a CPU with g++")
@pytest.mark.parametrize("adapter", [{}, {"plus": 4.0}], ids=["lora", "lora+"])
def test_a_compiled_run_that_was_stopped_goes_on(
    adapter: dict[str, Any], make_run: MakeRun, really_compiled: None
) -> None:
    unbroken = numbers(make_run(output="unbroken", adapter=adapter))
    stop, first = threading.Event(), []
    broken = make_run(output="broken", adapter=adapter)
    for event in train(broken, stop):
        if isinstance(event, Step):
            first.append((event.loss, event.grad_norm))
            if event.step == 4:
                stop.set()
    rest = [(e.loss, e.grad_norm) for e in only(Step, list(resume(str(broken.output))))]
    assert len(first) == 4 and np.allclose(first + rest, unbroken, rtol=1e-6)


def test_a_model_that_cannot_be_compiled_goes_on_without_and_says_so(
    make_run: MakeRun, as_on_gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(function: Any, **_: Any) -> Any:
        def call(*given: Any) -> Any:
            if len(given) == 4:  # the gradient, not the correction
                raise ValueError("[eval] Attempting to eval an array during function transformations.\nMore.")
            return function(*given)

        return call

    monkeypatch.setattr(mx, "compile", failing)
    run = make_run()
    events = list(train(run))
    assert len(only(Step, events)) == 6
    (told,) = [e for e in only(Warned, events) if e.code == "compiled"]
    assert "Attempting to eval" in told.message and "\n" not in told.message
    resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
    assert resolved["compiled"]["used"] is False and "Attempting" in resolved["compiled"]["reason"]


def test_an_adapter_goes_into_a_vector_and_comes_back(tmp_path: Path) -> None:
    model = load(write_model(tmp_path / "model"), "float32", device="cpu").model
    adapters.attach(model, Adapter(rank=3))
    before = dict(tree_flatten(model.trainable_parameters()))
    trained = FlatParameters(model, joined=True)
    values = trained.join(model.trainable_parameters())
    assert values.keys() == {"lora_a", "lora_b"} and all(v.ndim == 1 for v in values.values())
    after = dict(tree_flatten(trained.part(values)))
    assert after.keys() == before.keys()
    assert all(mx.array_equal(after[name], before[name]).item() for name in before)


def test_a_step_takes_b_scaled_once_for_all_layers(tmp_path: Path) -> None:
    model = load(write_model(tmp_path / "model"), "float32", device="cpu").model
    adapters.attach(model, Adapter(rank=3, alpha=12.0))
    mx.random.seed(1)
    model.update(tree_map(lambda v: mx.random.normal(v.shape), model.trainable_parameters()))
    trained, tokens = FlatParameters(model, joined=True), mx.array([[1, 5, 9, 20]])
    own, values = model.trainable_parameters(), trained.join(model.trainable_parameters())

    def loss(tensors: Any) -> mx.array:
        model.update(tensors)
        return mx.square(model(tokens)).mean()

    expected = trained.join(mx.grad(loss)(own))
    tensors = trained.for_step(values, mx.float32)
    assert mx.allclose(_up(tensors), 4 * _up(own)).item()
    with trained.in_step():
        found = trained.gradient(mx.grad(loss)(tensors))
    model.update(own)
    for kind in ("lora_a", "lora_b"):
        assert float(mx.abs(found[kind] - expected[kind]).max()) <= 1e-5 * float(mx.abs(expected[kind]).max())
    assert {m.scale for _, m in model.named_modules() if hasattr(m, "lora_a")} == {4.0}
    assert {v.dtype for _, v in tree_flatten(trained.for_step(values, mx.bfloat16))} == {mx.bfloat16}


def _up(tensors: Any) -> mx.array:
    return tensors["model"]["layers"][0]["mlp"]["up_proj"]["lora_b"]


def test_full_fine_tuning_keeps_its_tensors(tmp_path: Path) -> None:
    model = load(write_model(tmp_path / "model"), "float32", device="cpu").model
    trained = FlatParameters(model, joined=False)
    tree = model.trainable_parameters()
    assert trained.join(tree) is tree and trained.for_step(tree, mx.bfloat16) is tree


def test_targets_that_fill_up_a_shape_add_nothing() -> None:
    row = SimpleNamespace(tokens=np.arange(1, 9), mask=np.array([0, 0, 0, 1, 1, 1, 1, 1], np.int8))
    exact, filled = (to_mlx(collate([row], [0]), multiple) for multiple in (1, 128))
    assert len(exact.places) == 5 and len(filled.places) == 128
    assert mx.array_equal(learned_tokens(filled)[:5], learned_tokens(exact)).item()
    values = mx.arange(1, 129).astype(mx.float32)
    assert mx.array_equal(in_place(values, filled), in_place(values[:5], exact)).item()


@pytest.mark.parametrize(("way", "base", "room"), [("off", "none", 1.2), ("on", "none", 1.75), ("on", "nf4", 1.2)])
def test_on_cuda_a_run_takes_what_its_heaviest_step_needs_and_some_room(
    way: str, base: str, room: float, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, limits = loop.Loop.__init__, []

    def as_on_cuda(self: Any, ready: Any, folder: Any) -> None:
        begin(self, ready, folder)
        ready.on_gpu = True
        monkeypatch.setattr(mx.cuda, "is_available", lambda: True)

    monkeypatch.setattr(loop.Loop, "__init__", as_on_cuda)
    monkeypatch.setattr(mx, "set_memory_limit", lambda limit: limits.append(limit) or 0)
    about = {"steps": loop.REHEARSED, "gradient_checkpointing": way}
    run = make_run(train=about, model={"quantization": base})
    assert list(train(run))[-1].reason == "done"
    told = json.loads((Path(str(run.output)) / "resolved.json").read_text())["memory"]
    assert limits == [1, int(told["measured"] * room), mx.get_memory_limit()]
