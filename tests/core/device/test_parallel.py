"""Batches side by side: the same numbers, in the same order, and never where each needs what came before."""

import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx.nn as nn
import numpy as np
import pytest

from core.device import openblas, parallel, parallel_plan
from core.events import Evaluated, Step
from core.model.lm_head import LMHead
from core.run import Run
from core.train import train
from tests.core.conftest import only

MakeRun = Callable[..., Run]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with several cores, whatever this one has."""
    monkeypatch.setattr(parallel_plan, "MOST", 2)
    monkeypatch.setattr(parallel_plan.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(openblas, "report", lambda: ("libopenblas.so", "loaded before MLX"))


def test_what_is_done_first_waits_for_its_turn() -> None:
    seen: list[str] = []

    def build(seconds: float) -> mx.array:
        seen.append(threading.current_thread().name)
        time.sleep(seconds)
        return mx.array(seconds) * 2

    assert [float(x) for _, x in parallel.map_in_order(build, [0.2, 0.0, 0.1], 2, models=[])] == pytest.approx(
        [0.4, 0.0, 0.2]
    )
    assert all(name.startswith("parallel-batch") for name in seen)


class Remembers(nn.Module):
    """A layer that holds arrays where parameters are not looked for, and keeps one of its first call for the next."""

    def __init__(self) -> None:
        super().__init__()
        self._table = {"positions": [mx.arange(64) * 0.5]}  # made lazily, on the thread of the test
        self._factor = functools.partial(mx.multiply, mx.ones(64) * 2)
        self._norm: mx.array | None = None

    def __call__(self, x: mx.array) -> mx.array:
        if self._norm is None:
            self._norm = mx.sqrt(self._table["positions"][0])
        return self._factor(self._norm) * x


def test_whatever_a_model_holds_is_evaluated_by_the_thread_that_made_it() -> None:
    expected = 2 * np.sqrt(np.arange(64) * 0.5)
    for _ in range(20):
        layer = Remembers()
        graphs = list(parallel.map_in_order(lambda n, f=layer: f(mx.array(float(n))), range(8), 2, models=[layer]))
        for n, graph in graphs:
            np.testing.assert_allclose(np.array(graph), n * expected, rtol=1e-6)


def test_what_holds_arrays_is_looked_through() -> None:
    layer, scale = Remembers(), mx.array(3.0)
    head = LMHead(layer, lambda x: x * scale, nn.Linear(2, 2, bias=False), 2)
    found = parallel.held_arrays([head])
    assert len(found) == 4  # the table, the factor, what the closure multiplies by, the weight
    layer(mx.array(1.0))
    assert len(parallel.held_arrays([head])) == 5


def test_a_failure_comes_out() -> None:
    def build(n: int) -> mx.array:
        if n == 1:
            raise ValueError("one")
        return mx.array(n)

    with pytest.raises(ValueError, match="one"):
        list(parallel.map_in_order(build, [0, 1, 2], 2, models=[]))


@pytest.fixture
def cores() -> Iterator[Callable[[], int]]:
    """How many cores a product takes; two, to begin with."""
    if openblas.report()[0] is None:
        pytest.skip("OpenBLAS is not installed here")
    library: Any = openblas._library
    usual = library.openblas_get_num_threads()
    library.openblas_set_num_threads(2)
    yield library.openblas_get_num_threads
    library.openblas_set_num_threads(usual)


def test_a_product_takes_one_core_meanwhile_and_all_of_them_again(cores: Callable[[], int]) -> None:
    with openblas.one_thread():
        assert cores() == 1
    assert cores() == 2


def test_the_last_of_several_runs_gives_the_cores_back(cores: Callable[[], int]) -> None:
    first, second = openblas.one_thread(), openblas.one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cores() == 1
    second.__exit__(None, None, None)
    assert cores() == 2


def test_what_fails_is_raised_when_the_other_cores_have_ended() -> None:
    failed, ended = threading.Event(), threading.Event()

    def work(core: int) -> None:
        if core == 0:
            failed.set()
            raise ValueError("first")
        assert failed.wait(5)
        ended.set()

    with pytest.raises(ValueError, match="first"):
        parallel.share_out(work, 2)
    assert ended.is_set()


def test_without_openblas_there_is_one_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openblas, "report", lambda: (None, "not needed"))
    assert parallel_plan.parallel_batches(Run(), "cpu") == 1
    monkeypatch.setattr(openblas, "_library", None)
    with openblas.one_thread():
        pass


@pytest.mark.parametrize("about", [{}, {"train": {"gradient_accumulation_steps": 3}}], ids=["parts", "accumulation"])
def test_a_run_gives_the_same_numbers(about: dict[str, Any], make_run: MakeRun, request: pytest.FixtureRequest) -> None:
    def numbers(output: str) -> tuple[list[float], list[float]]:
        events = list(train(make_run(output=output, backend="cpu", **about)))
        made = [x for e in only(Step, events) for x in (e.loss, e.grad_norm, *e.metrics.values())]
        return made, [e.loss for e in only(Evaluated, events)]

    request.getfixturevalue("monkeypatch").setattr(parallel_plan, "MOST", 1)
    alone = numbers("alone")
    request.getfixturevalue("two")
    together = numbers("together")
    assert together[0] == pytest.approx(alone[0], rel=1e-4) and together[1] == pytest.approx(alone[1], rel=1e-5)
    assert numbers("again") == together  # whichever lane is first


@pytest.mark.parametrize(
    ("about", "expected"), [({}, 2), ({"adapter": {"dropout": 0.1}}, 1), ({"adapter": {"type": "full"}}, 1)]
)
def test_it_is_told(about: dict[str, Any], expected: int, make_run: MakeRun, two: None) -> None:
    run = make_run(train={"steps": 1}, backend="cpu", **about)
    list(train(run))
    resolved = json.loads((Path(str(run.output)) / "resolved.json").read_text())
    assert resolved["data"]["micro_batches"]["at_once"] == expected
