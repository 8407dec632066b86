"""What the computer does during a run is told between its steps, with doubles of both systems."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest

from core.data.batch.batches import Batch
from core.device import parallel_plan, sleep
from core.device.heat import Heat
from core.device.memory_pressure import MemoryPressure
from core.device.power import Power
from core.events import MACHINE_CODES, Event, Step, Warned
from core.memory import plan
from core.rollouts import batch_generate
from core.run import Run
from core.train import train
from core.training import machine_watch, step_sizes, trainer
from core.training.machine_watch import MachineWatch
from core.training.train_step import TrainStep
from tests.core.conftest import only
from tests.core.training.test_recovery_methods import grpo_options

MakeRun = Callable[..., Run]


class Machine:
    """A machine whose state a test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pressure: MemoryPressure | None = MemoryPressure("normal", 0)
        self.power, self.heat, self.asleep, self.now = Power(False, 80, False), Heat(100), 0.0, 0.0
        self.requests: list[bool] = []
        monkeypatch.setattr(machine_watch, "read_memory_pressure", lambda: self.pressure)
        monkeypatch.setattr(machine_watch, "read_power", lambda: self.power)
        monkeypatch.setattr(machine_watch, "read_heat", lambda: self.heat)
        monkeypatch.setattr(sleep, "seconds_asleep", lambda: self.asleep)

    def give_way(self, strongly: bool) -> str:
        self.requests.append(strongly)
        return "" if len(self.requests) > 2 else "done"

    def watch(self) -> MachineWatch:
        return MachineWatch(self.give_way, lambda: self.now)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def test_a_machine_at_ease_is_not_spoken_of(machine: Machine) -> None:
    watch = machine.watch()
    for _ in range(3):
        assert watch.look() == [] and watch.metrics == {}
        machine.now += 100


def test_pressure_is_answered_at_intervals_and_told_once(machine: Machine) -> None:
    watch = machine.watch()
    watch.look()
    machine.pressure = MemoryPressure("warning", 2 * 10**8)
    machine.now = 9.9
    assert watch.look() == [] and machine.requests == []
    machine.now = 10.0
    ((code, sentence),) = watch.look()
    assert code == "memory-pressure"
    assert sentence == "The computer is short of memory (0.2 GB swapped out to the disk): done."
    machine.pressure = MemoryPressure("warning", 2 * 10**9)  # it swaps ever more
    machine.now = 20.0
    assert watch.look() and machine.requests == [False, True]
    machine.pressure, machine.now = MemoryPressure("critical", 2 * 10**9), 30.0
    assert watch.look() == [] and machine.requests == [False, True, True]  # nothing more can be done
    machine.pressure, machine.now = MemoryPressure("normal", 0), 40.0
    watch.look()
    machine.pressure, machine.now = MemoryPressure("warning", 0), 50.0
    assert watch.look() == [("memory-pressure", "The computer is short of memory.")]


def test_power_is_told_when_it_changes(machine: Machine) -> None:
    watch = machine.watch()
    watch.look()
    machine.power, machine.now = Power(True, 79, False), 60.0
    ((code, sentence),) = watch.look()
    assert code == "power" and "battery (79%)" in sentence
    machine.power, machine.now = Power(True, 60, False), 120.0
    assert watch.look() == []
    machine.power, machine.now = Power(False, 61, False), 180.0
    assert watch.look() == [("power", "The computer has its full power again.")]


def test_heat_is_told_once_and_drawn(machine: Machine) -> None:
    watch = machine.watch()
    machine.heat = Heat(62)
    ((code, sentence),) = watch.look()
    assert code == "heat" and "62%" in sentence and watch.metrics == {"computer_speed_percent": 62.0}
    machine.heat, machine.now = Heat(70), 60.0
    assert watch.look() == [] and watch.metrics == {"computer_speed_percent": 70.0}
    machine.heat, machine.now = Heat(100), 120.0
    assert watch.look() == [] and watch.metrics == {"computer_speed_percent": 100.0}


def test_the_thermal_state_is_drawn_before_it_slows_anything(machine: Machine) -> None:
    watch = machine.watch()
    machine.heat = Heat(state=0)
    assert watch.look() == [] and watch.metrics == {}
    machine.heat, machine.now = Heat(state=1), 60.0
    assert watch.look() == [] and watch.metrics == {"thermal_state": 1.0}
    machine.heat, machine.now = Heat(state=2), 120.0
    assert [code for code, _ in watch.look()] == ["heat"] and watch.metrics == {"thermal_state": 2.0}
    machine.heat, machine.now = Heat(state=0), 180.0
    assert watch.look() == [] and watch.metrics == {"thermal_state": 0.0}


def test_a_run_tells_of_sleep_before_the_step_that_it_fell_in(make_run: MakeRun, machine: Machine) -> None:
    events: list[Event] = []
    for event in train(make_run(train={"steps": 3})):
        events.append(event)
        if isinstance(event, Step) and event.step == 1:
            machine.asleep = 7380.0
    kinds = [e.message if isinstance(e, Warned) else e.step for e in events if isinstance(e, Step | Warned)]
    assert kinds == [1, "The computer slept for 2 h 3 min.", 2, 3]


@pytest.mark.parametrize("level", ["critical", "warning"])
def test_a_run_gives_way_with_the_same_numbers(
    make_run: MakeRun, machine: Machine, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setattr(plan, "CPU_TOKENS", 100_000)
    monkeypatch.setattr(parallel_plan, "MOST", 1)
    monkeypatch.setattr(machine_watch, "MEMORY_SECONDS", 0.0)
    monkeypatch.setattr(trainer, "WORTH_TELLING", 0)
    options: dict[str, Any] = {"train": {"steps": 3}, "data": {"packing": False}, "backend": "cpu"}
    widths: list[int] = []
    gradient = TrainStep.gradient

    def counted(self: TrainStep, batch: Batch, alone: bool = False) -> Any:
        widths.append(len(batch.rows))
        return gradient(self, batch, alone)

    monkeypatch.setattr(TrainStep, "gradient", counted)
    expected = only(Step, list(train(make_run("calm", **options))))
    calm_widths, widths[:] = list(widths), []
    cleared: list[int] = []
    clear_cache = mx.clear_cache
    monkeypatch.setattr(mx, "clear_cache", lambda: (cleared.append(1), clear_cache()))
    events: list[Event] = []
    for event in train(make_run("pressed", **options)):
        events.append(event)
        if isinstance(event, Step) and event.step == 1:
            machine.pressure = MemoryPressure(level, 3 * 10**8)
    steps = only(Step, events)
    assert [s.loss for s in steps] == pytest.approx([s.loss for s in expected], rel=1e-4)
    assert [s.trained_tokens for s in steps] == [s.trained_tokens for s in expected]
    assert cleared and any("memory" in e.message for e in only(Warned, events))
    assert (len(widths) > len(calm_widths)) is (level == "critical")


def test_a_run_with_rewards_gives_way_too(
    make_run: MakeRun, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(parallel_plan, "MOST", 1)
    machine.pressure = MemoryPressure("critical", 0)
    events = list(train(make_run(**grpo_options(tmp_path, "grpo"))))
    told = [e.message for e in only(Warned, events) if e.code == "memory-pressure"]
    assert len(told) == 1 and "steps are computed in parts of at most" in told[0] and len(only(Step, events)) == 2


@pytest.mark.parametrize("method", ["grpo", "dapo"])
def test_fewer_answers_are_written_at_once_and_come_out_the_same(
    make_run: MakeRun, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, method: str
) -> None:
    monkeypatch.setattr(parallel_plan, "MOST", 1)
    monkeypatch.setattr(machine_watch, "MEMORY_SECONDS", 0.0)
    written: list[int] = []
    take_tokens = batch_generate._take_tokens
    monkeypatch.setattr(
        batch_generate, "_take_tokens", lambda rows, *others: (written.append(len(rows)), take_tokens(rows, *others))[1]
    )
    options = grpo_options(tmp_path, "grpo") | {"method": method}
    if method == "dapo":
        options["options"] = {**options["options"], "loss_type": "dapo", "dynamic_sampling": False}
    options["train"] = {"steps": 4, "batch_size": 2, "eval_every": 100}
    calm = make_run("calm", **options)
    expected = only(Step, list(train(calm)))
    assert max(written) == 8
    written.clear()
    pressed = make_run("pressed", **options)
    events: list[Event] = []
    by_step: dict[int, int] = {}
    for event in train(pressed):
        events.append(event)
        if isinstance(event, Step):
            by_step[event.step] = max(written)
            written.clear()
            machine.pressure = MemoryPressure("critical" if event.step < 3 else "normal", 0)
    assert by_step == {1: 8, 2: 8, 3: 4, 4: 2}
    told = [e.message for e in only(Warned, events) if e.code == "memory-pressure"]
    assert len(told) == 2 and "at most 4 answers are written at once from now on." in told[0]
    steps = only(Step, events)
    assert [s.loss for s in steps] == pytest.approx([s.loss for s in expected], rel=1e-4, abs=5e-5)
    assert [s.metrics["reward"] for s in steps] == [s.metrics["reward"] for s in expected]


def test_what_the_machine_made_smaller_is_not_kept_for_the_next_run(
    make_run: MakeRun, machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(parallel_plan, "MOST", 1)
    machine.pressure = MemoryPressure("critical", 0)
    list(train(make_run(**grpo_options(tmp_path, "grpo"))))
    assert not step_sizes.sizes_file().exists()


def test_the_curve_reaches_the_runs_log(make_run: MakeRun, machine: Machine) -> None:
    machine.heat = Heat(62)
    run = make_run(train={"steps": 1})
    (step,) = only(Step, list(train(run)))
    assert step.metrics["computer_speed_percent"] == 62.0
    lines = (Path(str(run.output)) / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert any(json.loads(line).get("code") == "heat" for line in lines)


def test_every_code_is_known_as_the_machines(machine: Machine) -> None:
    watch = machine.watch()
    machine.pressure, machine.power, machine.heat = MemoryPressure("critical", 0), Power(True), Heat(50)
    machine.asleep = 60.0
    codes = {code for code, _ in watch.look()}
    assert codes == {"slept", "memory-pressure", "power", "heat"} and codes <= MACHINE_CODES
