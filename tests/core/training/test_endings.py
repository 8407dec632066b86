"""In whatever way a run ends, its log says so, and a person gets one sentence."""

import errno
import json
import math
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import BadOption, Unavailable
from core.events import Evaluated, Event, Finished, Phase, Sample, Saved, Started, Step
from core.files import atomic_files
from core.run import Run
from core.run.folder import RunFolder
from core.stop_request import StopRequest
from core.train import resume, train
from core.training.held_out import HeldOut
from core.training.optimizer_step import OptimizerStepper
from tests.core.conftest import only

MakeRun = Callable[..., Run]


def last_event(run: Run) -> Event:
    return list(RunFolder(Path(str(run.output))).events())[-1]


def fail_at_step_2(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    original = OptimizerStepper.step

    def step(self: OptimizerStepper) -> Step:
        if self.progress.step == 1:
            raise error
        return original(self)

    monkeypatch.setattr(OptimizerStepper, "step", step)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "The memory is full: lower the batch size"),
        (RuntimeError("[malloc] Unable to allocate 5 bytes"), "The memory is full: lower the batch size"),
        (SystemExit(3), "Code that came with the model asked Python to exit"),
        (OSError(errno.EIO, "Input/output error", "/data/rows.jsonl"), r"^/data/rows.jsonl could not be read or writ"),
        (
            BrokenPipeError(errno.EPIPE, "Broken pipe"),
            r"^A file or a pipe could not be read or written: nobody reads",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_one_sentence(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, error: BaseException, sentence: str) -> None:
    fail_at_step_2(monkeypatch, error)
    run = make_run()
    with pytest.raises(Unavailable, match=sentence) as raised:
        list(train(run))
    last = last_event(run)
    assert isinstance(last, Finished)
    assert (last.reason, last.step, last.message) == ("failed", 1, str(raised.value)) and last.seconds > 0
    report = (Path(str(run.output)) / "report.md").read_text()
    assert str(raised.value) in report and "| Steps | 1 in " in report and "| Data | " in report


@pytest.mark.parametrize(
    ("error", "says"), [(KeyError("x"), "Something went wrong"), (KeyboardInterrupt(), "Ended at")]
)
def test_a_bug_and_ctrl_c_travel_on_and_are_reported(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, error: BaseException, says: str
) -> None:
    fail_at_step_2(monkeypatch, error)
    run = make_run()
    with pytest.raises(type(error)):
        list(train(run))
    last = last_event(run)
    assert isinstance(last, Finished) and last.reason == "failed" and last.message.startswith(says)
    assert last.message in (Path(str(run.output)) / "report.md").read_text()


def test_a_run_that_fails_as_its_folder_is_made_is_reported_too(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_json(self: RunFolder, name: str, value: Any) -> None:
        raise Unavailable("There is no room for it.")

    monkeypatch.setattr(RunFolder, "write_json", write_json)
    run = make_run()
    with pytest.raises(Unavailable, match="no room"):
        list(train(run))
    report = (Path(str(run.output)) / "report.md").read_text()
    assert "There is no room for it." in report and "| Steps | 0 in " in report and "| Data" not in report


def test_a_generator_that_is_closed(make_run: MakeRun) -> None:
    run = make_run(train={"steps": 2, "eval_every": 2})
    events = train(run)
    next(e for e in events if isinstance(e, Step))
    events.close()  # type: ignore[attr-defined]
    last = last_event(run)
    assert isinstance(last, Finished) and (last.reason, last.step) == ("failed", 1)
    events = resume(str(run.output))
    next(e for e in events if isinstance(e, Finished))
    events.close()  # type: ignore[attr-defined]
    assert [e.reason for e in only(Finished, list(RunFolder(Path(str(run.output))).events()))] == ["done"]


def test_a_run_folder_that_vanishes(make_run: MakeRun) -> None:
    run = make_run()
    with pytest.raises(Unavailable, match=r"is gone: it was moved or removed meanwhile\.$"):
        for event in train(run):
            if isinstance(event, Step):
                shutil.rmtree(str(run.output))
    assert not Path(str(run.output)).exists()


def test_a_disk_that_fails(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    with pytest.raises(Unavailable, match=r"run could not be read or written: the disk or .* an error\.$"):
        for event in train(run):
            if isinstance(event, Step):

                def write(file: int, data: bytes) -> int:
                    raise OSError(errno.EIO, "Input/output error")

                monkeypatch.setattr("core.files.atomic_files.os.write", write)


def test_a_disk_that_fails_once_run_toml_is_there(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run, original = make_run(), atomic_files.sync

    def sync(path: Path) -> None:
        if (path / "run.toml").exists():
            raise OSError(errno.EIO, "Input/output error", str(path))
        original(path)

    monkeypatch.setattr(atomic_files, "sync", sync)
    with pytest.raises(Unavailable, match="the disk or the device reports an error"):
        list(train(run))
    last = last_event(run)
    assert isinstance(last, Finished) and last.reason == "failed" and "reports an error" in last.message
    monkeypatch.undo()
    assert len(only(Step, list(resume(str(run.output))))) == 6


@pytest.mark.parametrize("phase", ["Preparing data", "Loading model"])
def test_a_stop_before_the_first_step_leaves_everything_as_it_was(make_run: MakeRun, phase: str) -> None:
    def stopped_at(events: Callable[[threading.Event], Iterator[Event]]) -> list[Event]:
        stop, seen = threading.Event(), list[Event]()
        with pytest.raises(Unavailable, match=r"^The run was stopped before its first step\.$"):
            for event in events(stop):
                seen.append(event)
                if isinstance(event, Phase) and event.name == phase:
                    stop.set()
        return seen

    run = make_run()
    folder = Path(str(run.output))
    seen = stopped_at(lambda stop: train(run, stop))
    assert isinstance(seen[-1], Phase) and seen[-1].name == phase and not folder.exists()
    list(train(run))
    resumed = stopped_at(lambda stop: resume(folder, stop, changes={"train.steps": 8}))
    assert isinstance(resumed[-1], Phase) and Run.read(folder / "run.toml").train.steps == 6
    assert only(Finished, list(RunFolder(folder).events()))[-1].reason == "done"
    assert [e.step for e in only(Step, list(resume(folder, changes={"train.steps": 8})))] == [7, 8]


@pytest.mark.parametrize("phase", ["Validating before training", "Validating"])
def test_a_stop_while_validating_is_heeded_and_the_validation_made_up_for(make_run: MakeRun, phase: str) -> None:
    whole = list(train(make_run(output="whole")))
    run, stop, events = make_run(), threading.Event(), list[Event]()
    for event in train(run, stop):
        events.append(event)
        if isinstance(event, Phase) and event.name == phase:
            stop.set()
    finished, is_first = events[-1], phase != "Validating"
    assert isinstance(finished, Finished) and (finished.reason, finished.step) == ("stopped", 0 if is_first else 3)
    assert len(only(Evaluated, events)) == (0 if is_first else 1)
    list(resume(str(run.output)))
    logged = list(RunFolder(Path(str(run.output))).events())
    assert [(e.step, e.loss) for e in only(Evaluated, logged)] == [(e.step, e.loss) for e in only(Evaluated, whole)]


def test_the_rows_measured_so_far_are_told(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.training.held_out._TELL_SECONDS", 0.0)
    phases = [e for e in only(Phase, list(train(make_run()))) if e.name == "Validating before training"]
    rows = phases[0].detail.split()[0]
    assert phases[0].detail == f"{rows} rows" and phases[0].fraction is None
    assert all(e.detail == f"{round(e.fraction * int(rows))} of {rows} rows" for e in phases[1:] if e.fraction)


def test_a_stop_that_skips_saves_and_measures_no_more(make_run: MakeRun) -> None:
    run, stop, events = make_run(train={"eval_every": 100}), StopRequest(), list[Event]()
    for event in train(run, stop):
        events.append(event)
        if isinstance(event, Step) and event.step == 2:
            stop.skip()
    after = [e for e in events[events.index(only(Step, events)[-1]) :] if not isinstance(e, Step)]
    assert not only(Sample, after) and not [e for e in only(Phase, after) if e.name.startswith("Validating")]
    finished = only(Finished, events)[0]
    assert (finished.reason, finished.step, finished.loss_after) == ("stopped", 2, None)
    assert (Path(str(run.output)) / "adapters.safetensors").is_file()
    assert [e.what for e in only(Saved, after)] == ["checkpoint", "adapter"]


def test_what_is_validated_at_a_stop_is_told_like_every_validation(make_run: MakeRun) -> None:
    run, stop, events = make_run(), threading.Event(), list[Event]()
    for event in train(run, stop):
        events.append(event)
        if isinstance(event, Step) and event.step == 2:
            stop.set()
    first, at_stop = only(Evaluated, events)
    assert (first.step, at_stop.step, at_stop.best) == (0, 2, at_stop.loss < first.loss)
    assert at_stop.loss == only(Finished, events)[0].loss_after


def test_a_stop_in_a_step_that_is_validated_does_not_leave_the_validation_out(make_run: MakeRun) -> None:
    run, stop, events = make_run(), StopRequest(), list[Event]()
    for event in train(run, stop):
        events.append(event)
        if isinstance(event, Step) and event.step == 3:  # as the window says: it validates, then it ends
            stop.set()
    finished = only(Finished, events)[0]
    assert [e.step for e in only(Evaluated, events)] == [0, 3] and finished.loss_after is not None
    stop, again = StopRequest(), list[Event]()
    for event in resume(str(run.output), stop, changes={"train.steps": 9}):
        again.append(event)
        if isinstance(event, Step) and event.step == 6:
            stop.pause()  # which gives the memory back at once
    assert not only(Evaluated, again)


def test_what_is_worse_than_before_training_is_not_the_best_so_far(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, losses = HeldOut.measure, iter([1.0, 2.0, 1.5, 0.5])

    def measure(self: HeldOut, is_over: Any, when: str = "") -> Any:
        result = yield from original(self, is_over, when)
        return result._replace(loss=next(losses))

    monkeypatch.setattr(HeldOut, "measure", measure)
    events = list(train(make_run(train={"eval_every": 2})))
    assert [e.best for e in only(Evaluated, events)] == [False, False, False, True]
    assert only(Finished, events)[0].best_step == 6


def test_a_loss_that_is_no_number_is_never_the_best(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    original, losses = HeldOut.measure, iter([7.0, math.nan, 6.0, math.inf])

    def measure(self: HeldOut, is_over: Any, when: str = "") -> Any:
        result = yield from original(self, is_over, when)
        return result._replace(loss=next(losses), metrics={"kl": 1e300, "margin": math.nan})

    monkeypatch.setattr(HeldOut, "measure", measure)
    run = make_run(train={"eval_every": 2})
    events = list(train(run))
    assert [e.best for e in only(Evaluated, events)] == [False, False, True, False]
    finished = only(Finished, events)[0]
    assert (finished.best_step, finished.loss_after) == (4, 6.0)
    report = (Path(str(run.output)) / "report.md").read_text()
    assert "1e+300" in report and "nan" in report and len(report) < 3000
    assert json.loads((Path(str(run.output)) / "events.jsonl").read_text().splitlines()[-1])["event"] == "Finished"


def test_early_stopping_is_remembered(make_run: MakeRun) -> None:
    """A run that died between its last checkpoint and its end takes no further step."""
    hot = {"steps": 40, "learning_rate": 10.0, "lr_schedule": "constant", "eval_every": 1, "early_stop": 2}
    run = make_run(train=hot | {"save_every": 1})
    events = list(train(run))
    log = Path(str(run.output)) / "events.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    resumed = list(resume(str(run.output)))
    assert not only(Step, resumed) and only(Started, resumed)
    assert resumed[-1].reason == "early_stop" and resumed[-1].step == events[-1].step  # type: ignore[attr-defined]
    with pytest.raises(BadOption, match="is finished"):
        list(resume(str(run.output)))
    more = list(resume(str(run.output), changes={"train.steps": 50}))
    assert len(only(Step, more)) >= 2  # as many evaluations without a better one as before
