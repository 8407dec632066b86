"""On a Mac with a GPU, a model whose blocks the Neural Engine computes is loaded for the CPU; the GPU is made up."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten, tree_map

from core.ane import timing
from core.ane.rules import judge_memory
from core.events import Started, Warned
from core.run import Run
from core.train import train
from core.training import ane_setup, model_setup, prepare
from tests.core.ane.evaluator import Evaluator
from tests.core.ane.tiny import add_lora, tiny_model
from tests.core.conftest import only, write_model

GPU = {"used": "gpu", "device": "Apple M4 (Metal)", "reason": "the fastest device here (Metal)"}


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(device, dtype) of each load on a machine that says it has a GPU."""
    loads: list[tuple[str, str]] = []
    usual = model_setup.load

    def load(folder: Path, dtype: str, *, device: str, **options: Any) -> Any:
        model = usual(folder, dtype, device=device, **options)
        loads.append((device, model.compute))
        return model

    def select(requested: str) -> dict[str, str]:
        return {**GPU, "requested": requested, **({"used": "cpu"} if requested == "cpu" else {})}

    monkeypatch.setattr(model_setup, "load", load)
    for module in (prepare, ane_setup):
        monkeypatch.setattr(module, "select", select)
    return loads


@pytest.fixture
def small_run(make_run: Callable[..., Run], tmp_path: Path) -> Run:
    folder = write_model(tmp_path / "model")
    weights = mx.load(str(folder / "model.safetensors"))
    half = {name: value.astype(mx.bfloat16) for name, value in weights.items()}
    mx.save_safetensors(str(folder / "model.safetensors"), half)
    return make_run(backend="ane", model={"path": str(folder)}, train={"steps": 1})


def test_it_is_loaded_again_in_float32(small_run: Run, loaded: list[Any], use_machine: Callable[..., None]) -> None:
    use_machine()
    events = list(train(small_run))
    assert loaded == [("gpu", "bfloat16"), ("cpu", "float32")]
    (started,) = only(Started, events)
    assert started.backend["used"] == "cpu" and started.precision["compute"] == "float32"
    assert started.backend["neural_engine"]["used"]
    assert len(only(Warned, events)) == len({e.message for e in only(Warned, events)})


def test_it_is_the_gpu_s_again_where_the_engine_fails_at_once(
    small_run: Run, loaded: list[Any], use_machine: Callable[..., None]
) -> None:
    class Wrong(Evaluator):
        def run(self, feed: Any) -> Any:
            return {name: value * float("nan") for name, value in super().run(feed).items()}

    use_machine(Wrong)
    events = []
    with_gpu = train(small_run)
    for event in with_gpu:
        events.append(event)
        if isinstance(event, Started):
            with_gpu.close()
    assert loaded == [("gpu", "bfloat16"), ("cpu", "float32"), ("gpu", "bfloat16")]
    (started,) = only(Started, events)
    assert started.backend["used"] == "gpu" and started.backend["neural_engine"]["code"] == "runtime"
    assert started.precision["compute"] == "bfloat16"


def test_the_weights_in_float32_count() -> None:
    assert judge_memory(1_000_000_000, 3_000_000_000, 10**12) is None
    verdict = judge_memory(1_000_000_000, 3_000_000_000, 10**12, grows=True)
    assert verdict and verdict.reason.startswith("Its programs and the weights in float32 take 4.0 GB of memory more")


def test_gradients_are_timed_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    block = add_lora(tiny_model("qwen3")).layers[0]
    block.update(tree_map(lambda value: value.astype(mx.bfloat16), block.parameters()))
    seen = []
    measure = timing._gradient_seconds

    def look(block: Any, *arguments: Any) -> float:
        seen.append({value.dtype for _, value in tree_flatten(block.parameters())})
        return measure(block, *arguments)

    monkeypatch.setattr(timing, "_gradient_seconds", look)
    assert timing.tapped_seconds(block, 128) > 0
    assert seen == [{mx.float32}]
    assert {value.dtype for _, value in tree_flatten(block.parameters())} == {mx.bfloat16}
