"""Hone is killed while the Neural Engine computes for a run: what lies on disk then, and how the run goes on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.ane.verdict_cache import VerdictCache, machine_key, mark
from core.events import Event, Finished, Step, Warned
from core.run import Run
from core.train import resume, train
from core.training.ane_setup import IN_USE
from tests.core.ane.evaluator import Evaluator
from tests.core.conftest import only


def sentences(events: list[Event]) -> list[str]:
    return [e.message for e in only(Warned, events) if e.code == "neural-engine"]


def test_a_run_that_was_killed_with_the_engine_goes_on_without_it(
    make_run: Callable[..., Run], use_machine: Callable[..., None], tmp_path: Path
) -> None:
    use_machine()
    run = make_run("run", train={"steps": 4, "eval_every": 2, "save_every": 2})
    for event in train(run):
        if isinstance(event, Step) and event.step == 3:
            shutil.copytree(tmp_path / "run", tmp_path / "killed")  # all that a kill would leave
    assert not (tmp_path / "run" / IN_USE).exists()
    events = list(resume(tmp_path / "killed"))
    reason = "Hone was killed while this run used it, and perhaps by it: the run goes on without it."
    assert sentences(events) == [f"Neural Engine: not used. {reason}"]
    assert [e.step for e in only(Step, events)] == [3, 4] and only(Finished, events)[0].step == 4
    engine = json.loads((tmp_path / "killed" / "resolved.json").read_text())["backend"]["neural_engine"]
    assert (engine["used"], engine["code"]) == (False, "runtime")


def test_how_long_a_mark_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, machine, left = VerdictCache(tmp_path / "v"), machine_key(), mark()
    cache.begin("killed")
    cache.put("good", None, {"seconds": 1.0})
    assert cache.still_counts(left) and not cache.still_counts({}) and cache.left_alone == 1
    for changed in range(len(machine)):  # another chip, system, coremltools, generator or Hone
        other = [*machine[:changed], "another", *machine[changed + 1 :]]
        monkeypatch.setattr("core.ane.verdict_cache.machine_key", lambda other=other: other)
        assert not cache.still_counts(left) and cache.get("killed") is None and cache.left_alone == 0
    monkeypatch.setattr("core.ane.verdict_cache.machine_key", lambda: machine)
    assert cache.forget_crashes() == 1
    assert not cache.still_counts(left) and cache.still_counts(mark())
    assert cache.get("good") == (None, {"seconds": 1.0}) and cache.left_alone == 0


def test_a_mark_of_another_system_is_no_hindrance(make_run: Any, use_machine: Any, tmp_path: Path) -> None:
    use_machine()
    run = make_run("run", backend="ane", train={"steps": 2, "save_every": 1})
    for event in train(run):
        if isinstance(event, Step) and event.step == 2:
            shutil.copytree(tmp_path / "run", tmp_path / "killed")
    left = json.loads((tmp_path / "killed" / IN_USE).read_text())
    (tmp_path / "killed" / IN_USE).write_text(json.dumps({**left, "machine": ["another"]}))
    assert not sentences(list(resume(tmp_path / "killed")))
    assert json.loads((tmp_path / "killed" / "resolved.json").read_text())["backend"]["neural_engine"]["used"]


def test_a_kill_before_the_first_step_is_remembered(
    make_run: Callable[..., Run], use_machine: Callable[..., None], tmp_path: Path
) -> None:
    cache, killed = tmp_path / "v", tmp_path / "left"

    def load(package: Path) -> Any:
        shutil.copy(cache, killed)  # what a crash of the library would leave
        return Evaluator(package)

    use_machine(load)
    run = make_run(backend="ane", train={"steps": 1})
    for event in train(run):
        if isinstance(event, Step):
            (key,) = set(json.loads(cache.read_text())) - {"cleared"}
    assert VerdictCache(cache).get(key)[0] is None  # it went well
    shutil.copy(killed, cache)
    use_machine()
    (sentence,) = sentences(list(train(make_run("b", backend="ane", train={"steps": 1}))))
    assert "never came to an end" in sentence and "doctor --ane --again" in sentence
    assert VerdictCache(cache).forget_crashes() == 1 and VerdictCache(cache).forget_crashes() == 0
    assert not sentences(list(train(make_run("c", backend="ane", train={"steps": 1}))))
