"""The time of presets and of the run being put together: measured by the check or in an earlier run, else not told."""

from pathlib import Path
from threading import Event as Flag

import pytest
from pytestqt.qtbot import QtBot

from app.new_run.draft import Draft
from app.new_run.presets import PRESETS
from app.new_run.settings_step import SettingsStep
from app.new_run.step_times import StepTime, StepTimes, from_measured, read_step_time
from core.run import Run, runs_folder
from tests.app.conftest import play_script


def play(run: Run, name: str, steps: int = 40) -> Path:
    """A run of the script, whose steps take 0.1 s each and whose 40 steps are three epochs."""
    folder = runs_folder() / name
    list(play_script(run.replace("output", str(folder)), Flag(), Flag(), steps=steps))
    return folder


def test_a_step_of_an_earlier_run_tells_the_time_of_the_next(tmp_path: Path) -> None:
    run = Run().replace("train.batch_size", 5)
    time = read_step_time(play(run, "one"))
    assert (
        time is not None and time.step_seconds == pytest.approx(0.1) and time.steps_per_epoch == pytest.approx(40 / 3)
    )
    assert time.suits(run.replace("train.epochs", 7.0).replace("adapter.rank", 4).replace("train.learning_rate", 1e-3))
    for key, value in (
        ("model.path", "other/model"), ("data.path", "x.jsonl"), ("train.batch_size", 6), ("adapter.type", "full"),
        ("model.quantization", "nf4"), ("data.max_seq_len", 99), ("method", "dpo"), ("backend", "cpu"),
    ):  # fmt: skip
        assert not time.suits(run.replace(key, value)), key
    assert time.steps(run.replace("train.epochs", 6.0)) == 80
    assert time.seconds(run.replace("train.steps", 60)) == pytest.approx(6.0)
    times = StepTimes(runs_folder())
    assert times.find(run) == time
    times.add(StepTime(run, 7.0, 1.0))  # what was measured just now goes first
    found = times.find(run)
    assert found is not None and found.step_seconds == 7.0
    assert times.find(Run()) is None


def test_too_few_steps_or_a_broken_run_tell_nothing() -> None:
    assert read_step_time(play(Run(), "short", steps=2)) is None
    folder = play(Run(), "broken")
    (folder / "run.toml").write_text("nonsense")
    assert read_step_time(folder) is None
    assert StepTimes(runs_folder()).find(Run()) is None
    assert StepTimes(runs_folder() / "gone").find(Run()) is None


def test_a_measured_run_tells_it_by_epochs_or_by_rows() -> None:
    by_epochs = from_measured(Run().replace("train.epochs", 2.0), 30, 60.0, 60)
    assert (by_epochs.step_seconds, by_epochs.steps_per_epoch) == (2.0, 15.0)
    run = (
        Run().replace("train.steps", 10).replace("train.batch_size", 7).replace("train.gradient_accumulation_steps", 2)
    )
    assert from_measured(run, 10, 5.0, 60).steps_per_epoch == 5


def test_the_presets_and_the_slider_say_the_time_or_when_it_is_known(qtbot: QtBot) -> None:
    times = StepTimes(runs_folder())
    page = SettingsStep(draft := Draft(), times=times)
    qtbot.addWidget(page)
    page.show()
    page.enter()
    details = {preset.key: page.presets.cards[preset.key].detail for preset in PRESETS}
    assert {label.text() for label in details.values()} == {"Time known after the check"}
    assert page.simple.length.meaning.text() == "How often it sees each example: time known after the check."
    times.add(StepTime(draft.run, 2.0, 30.0))
    page.enter()
    qtbot.waitUntil(lambda: details["quick"].text() == "About 2 min")
    epochs = draft.run.spec.epochs
    assert details["thorough"].text().startswith("At most about ")
    assert page.simple.length.meaning.text().startswith(f"{30 * epochs:g} steps, about ")
    draft.set("train.steps", 10)
    assert page.simple.length.meaning.text() == "10 steps, about 20 s on this computer."
    draft.set("model.path", "other/model")
    assert details["quick"].text() == "Time known after the check"
