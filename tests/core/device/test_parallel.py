"""Batches side by side: the same numbers, in the same order, and never where each needs what came before."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core.device import openblas, parallel, parallel_plan
from core.events import Evaluated, Step
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

    assert [float(x) for _, x in parallel.map_in_order(build, [0.2, 0.0, 0.1], 2)] == pytest.approx([0.4, 0.0, 0.2])
    assert all(name.startswith("lane") for name in seen)


def test_a_failure_comes_out() -> None:
    def build(n: int) -> mx.array:
        if n == 1:
            raise ValueError("one")
        return mx.array(n)

    with pytest.raises(ValueError, match="one"):
        list(parallel.map_in_order(build, [0, 1, 2], 2))


@pytest.mark.skipif(openblas.report()[0] is None, reason="OpenBLAS is not installed here")
def test_a_product_takes_one_core_meanwhile_and_all_of_them_again() -> None:
    library: Any = openblas._library
    usual = library.openblas_get_num_threads()
    library.openblas_set_num_threads(2)
    try:
        with openblas.one_thread():
            assert library.openblas_get_num_threads() == 1
        assert library.openblas_get_num_threads() == 2
    finally:
        library.openblas_set_num_threads(usual)


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
