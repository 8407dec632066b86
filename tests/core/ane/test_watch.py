import threading
from pathlib import Path

import pytest

from core.ane.build import PatientRunner, split_blocks
from core.ane.engine import Engine
from core.ane.runner import CoreMLRunner, RunnerError
from core.ane.watch import SLOW_STEPS, EngineWatch
from tests.core.ane.tiny import add_lora, tiny_model


def watch_for(seconds: float | None) -> tuple[EngineWatch, list[int]]:
    tries: list[int] = []

    def try_again() -> float | None:
        tries.append(1)
        return seconds

    return EngineWatch(Engine([]), 0.001, try_again), tries


def steps(watch: EngineWatch, count: int, seconds: float) -> list[str]:
    notes = []
    for step in range(1, count + 1):
        watch.engine.seconds["program"] += 2 * seconds
        watch.engine.blocks_computed += 2
        watch.engine.served += 1
        notes += watch.after_step(step)
    return notes


def test_an_engine_that_grows_slow_is_tried_again_once_and_then_switched_off() -> None:
    watch, tries = watch_for(0.0012)
    assert steps(watch, 3 * SLOW_STEPS, 0.0014) == [] and not tries
    assert steps(watch, SLOW_STEPS - 1, 0.002) == [] and not tries
    assert steps(watch, 1, 0.001) == []  # a quick one in between
    assert steps(watch, SLOW_STEPS, 0.002) == [] and len(tries) == 1
    (note,) = steps(watch, SLOW_STEPS, 0.002)
    assert len(tries) == 1 and "more than 1.5 times as long as when it was tried" in note and watch.engine.failure


@pytest.mark.parametrize("seconds", [None, 0.0016])
def test_a_second_try_that_is_refused_or_slow_switches_it_off(seconds: float | None) -> None:
    watch, tries = watch_for(seconds)
    assert len(steps(watch, SLOW_STEPS, 0.002)) == 1 and len(tries) == 1


def test_calls_that_went_elsewhere_are_told_once_from_a_twentieth_on() -> None:
    watch, _ = watch_for(None)
    watch.engine.served, watch.engine.fallbacks["length"] = 95, 5
    assert watch.after_step(1) == []
    watch.engine.fallbacks["cache"] += 1000  # sample answers, which no program is meant for
    assert watch.after_step(2) == []
    watch.engine.fallbacks["mask"] += 1
    assert watch.after_step(2) == ["6 of 101 forward calls were computed without it (length: 5, mask: 1)."]
    assert watch.after_step(3) == []


def test_a_runner_that_hangs_is_given_up() -> None:
    class Hangs:
        def run(self, feed: object) -> dict[str, object]:
            released.wait()
            return {}

    released = threading.Event()
    runner = PatientRunner(Hangs(), seconds=0.05)
    with pytest.raises(RunnerError, match=r"did not answer within 0\.05 seconds"):
        runner.run({})
    released.set()
    runner.close()


def test_a_runner_s_thread_hands_on_what_comes() -> None:
    class Raises:
        def run(self, feed: dict[str, object]) -> dict[str, object]:
            if not feed:
                raise RunnerError("made up")
            return feed

    runner = PatientRunner(Raises())
    assert runner.run({"a": 1}) == {"a": 1}
    with pytest.raises(RunnerError, match="made up"):
        runner.run({})
    before = {thread.name for thread in threading.enumerate()}
    assert "neural-engine" in before
    runner.close()


def test_blocks_below_the_first_adapter_have_chunks_of_their_own() -> None:
    blocks = add_lora(tiny_model("llama", blocks=9), first=4).layers
    assert [len(chunk) for chunk in split_blocks(blocks)] == [3, 1, 3, 2]
    assert [len(chunk) for chunk in split_blocks(tiny_model("llama", blocks=4).layers)] == [3, 1]


def test_core_ml_s_runner_says_what_it_cannot_do(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="Core ML could not load the program"):
        CoreMLRunner(tmp_path / "nothing.mlpackage")
