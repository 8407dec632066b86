"""A run's record, and the sentences about it. No window here."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

import numpy as np
import pytest

from app.plots.decimate import thin
from app.runs import history, status_text
from app.runs.health import CHANGE, LOWER, STOP, assess
from app.runs.live_run import LiveRun
from app.runs.phase_text import describe_phase
from app.runs.record import RunRecord
from app.runs.run_list import make_entry
from app.runs.run_state import RunState
from app.runs.series import SMOOTHING, Series
from core.events import Evaluated, Event, Finished, Paused, Phase, Saved, Started, Step, Warned, to_json
from core.run import Run
from core.run.lock import RunLock
from core.training.splits import estimate_total
from tests.app import stories
from tests.app.conftest import play_script, started_event, step_event


def test_a_series_keeps_points_in_order() -> None:
    series = Series()
    for i in range(10):
        series.append(i, i * i)
    assert series.x.tolist() == list(range(10))
    assert series.y.tolist() == [i * i for i in range(10)]


def test_a_full_series_averages_neighbours_and_goes_on() -> None:
    series = Series(capacity=8)
    for i in range(9):
        series.append(i, float(i))
    assert series.x.tolist() == [0.5, 2.5, 4.5, 6.5, 8.0]
    assert series.y.tolist() == [0.5, 2.5, 4.5, 6.5, 8.0]


def test_a_series_takes_memory_as_it_grows() -> None:
    series = Series()
    assert len(series.x.obj) < 10_000  # bytes, of a run that has only begun
    first, average = series.x, series.smooth(0.5)
    for i in range(3000):
        series.append(i, float(i))
    assert series.x.tolist() == series.y.tolist() == list(range(3000))
    assert len(series.smooth(0.5)) == len(series.smooth(SMOOTHING)) == 3000
    assert (len(first), len(average)) == (0, 0)  # what is drawn already stays as it was


def test_the_running_average_by_hand() -> None:
    series = Series()
    for i, y in enumerate([1.0, 2.0, 4.0]):
        series.append(i, y)
    # weights 1/20, 2/21, 3/22 of what was; divided by the mass of all weights, as Adam's averages are
    sums = [19 / 20, 2 / 21 * 19 / 20 + 19 / 21 * 2]
    sums.append(3 / 22 * sums[1] + 19 / 22 * 4)
    mass = [19 / 20, 2 / 21 * 19 / 20 + 19 / 21]
    mass.append(3 / 22 * mass[1] + 19 / 22)
    assert series.smooth(0.5).tolist() == pytest.approx([s / m for s, m in zip(sums, mass, strict=True)])
    assert series.smooth(0.0).tolist() == [1.0, 2.0, 4.0]
    series.append(3, math.nan)
    assert series.smooth(0.0)[-1] == 4.0


def test_the_running_average_keeps_up_with_a_loss_that_falls_fast() -> None:
    record = RunRecord()
    record.add(started_event(Run()))
    for n in range(1, 26):
        record.add(step_event(n, 10 * math.exp(-n / 8)))
    smooth = record.loss.smooth(SMOOTHING)
    assert record.loss.y[-1] == pytest.approx(0.44, abs=0.01) and smooth[-1] < 0.56
    assert f"to {smooth[-1]:.2f}" in assess(record).sentence


def test_the_running_average_is_smooth_in_a_long_run() -> None:
    series = Series()
    for i in range(400):
        series.append(i, 1.0 + (0.5 if i % 2 else -0.5))
    assert max(series.smooth(SMOOTHING)[200:]) - min(series.smooth(SMOOTHING)[200:]) < 0.06


def test_two_averages_of_one_curve_do_not_disturb_each_other() -> None:
    series = Series()
    for i in range(50):
        series.append(i, float(i % 7))
    plain = series.smooth(0.0)
    steady = series.smooth(0.9).tolist()
    assert plain.tolist() == series.y.tolist()
    series.append(50, 3.0)
    assert series.smooth(0.9).tolist()[:50] == steady
    assert series.smooth(0.0)[-1] == 3.0


def test_thinning_keeps_the_last_point() -> None:
    x, y = thin(np.arange(1001.0), np.arange(1001.0), most=100)
    assert len(x) <= 101
    assert (x[-1], y[-1]) == (1000.0, 1000.0)
    assert (np.diff(x) > 0).all()


def test_a_whole_run(tmp_path: Path) -> None:
    record = RunRecord()
    for event in play_script(Run().replace("output", str(tmp_path / "r")), Flag(), Flag()):
        record.add(event)
    assert record.fraction == 1.0
    assert record.best_eval is not None and record.best_eval.step == 40
    assert [s.stage for s in record.samples[0]] == ["before", "after"]
    assert status_text.headline(record) == "Done"
    assert assess(record).sentence == "Better on unseen examples: 2.41 → 0.57."
    assert status_text.progress(record) == "Step 40 of 40 · epoch 2.7 of 3.0"


def test_an_old_run_reads_the_same_as_it_was_live(tmp_path: Path) -> None:
    live = RunRecord()
    for event in play_script(Run().replace("output", str(tmp_path / "r")), Flag(), Flag()):
        live.add(event)
    old = history.read_record(tmp_path / "r")
    assert old.loss.y.tolist() == live.loss.y.tolist()
    assert old.log == live.log
    assert old.finished == live.finished


def test_time_left_follows_the_pace() -> None:
    record = RunRecord()
    record.add(Started(**{**vars(started_event(Run(), 100)), "time": 1000.0}))
    for n in range(1, 11):
        record.add(Step(**{**vars(step_event(n)), "time": 1000.0 + 2 * n}))
    assert record.seconds_left() == pytest.approx(180.0)
    assert status_text.times(record, 1020.0).startswith("20 s · about 3 min left, until ")


def test_sleep_is_noted_and_counts_nothing_in_the_pace() -> None:
    record = RunRecord()
    record.add(Started(**{**vars(started_event(Run(), 100)), "time": 0.0}))
    for n in range(1, 6):
        record.add(Step(**{**vars(step_event(n)), "time": float(n)}))
    record.add(Warned("slept", "The computer slept for 2 h 3 min.", time=7385.0))
    record.add(Step(**{**vars(step_event(6)), "time": 7386.0}))
    assert record.seconds_left() == pytest.approx(94.0)
    record.add(Step(**{**vars(step_event(7)), "time": 7387.0}))
    assert record.seconds_left() == pytest.approx(93.0)
    assert [line.text for line in record.log if line.level == "note"] == ["The computer slept for 2 h 3 min."]
    assert assess(record).sentence.endswith(" The computer slept for 2 h 3 min.")
    record.add(Warned("packing", "Rows are not packed.", time=7388.0))
    record.add(Step(**{**vars(step_event(8)), "time": 7385.0 + 601.0}))
    assert "slept" not in assess(record).sentence


def test_a_pause_before_a_resume_counts_neither_as_time_nor_as_pace() -> None:
    record = RunRecord()
    record.add(Started(**{**vars(started_event(Run(), 100)), "time": 0.0}))
    for n in range(1, 6):
        record.add(Step(**{**vars(step_event(n)), "time": float(n), "seconds": float(n)}))
    record.add(Phase("Preparing data", time=8990.0))
    record.add(Phase("Preparing data", "400 rows tokenized", 0.5, time=8993.0))
    assert record.elapsed(8993.0) == pytest.approx(8.0)
    resumed = {**vars(started_event(Run(), 100)), "time": 9000.0, "first_step": 6}
    record.add(Started(**resumed))
    record.add(Step(**{**vars(step_event(6)), "time": 9001.0}))
    assert record.elapsed(9001.0) == pytest.approx(16.0)
    assert record.seconds_left() == pytest.approx(94.0)


def test_rows_are_counted_towards_what_there_may_be() -> None:
    assert estimate_total(0, 0.0) == 0 and estimate_total(412, 0.1) == 4100
    assert estimate_total(9137, 0.999) == 9137  # no fewer than there are already
    phase = Phase("Preparing data", "412 of about 4,100 rows tokenized", 0.1)
    assert describe_phase(phase) == "Preparing data: 412 of about 4,100 rows tokenized"
    assert describe_phase(Phase("Loading model", "starter")) == "Loading model: Starter model"


def test_nothing_is_called_steady_after_a_few_steps() -> None:
    record = RunRecord()
    record.add(started_event(Run(), 100))
    for n in range(1, 12):
        record.add(step_event(n, 2.0))
    assert assess(record).sentence.startswith("Training has begun.") and not assess(record).action
    for n in range(12, 24):
        record.add(step_event(n, 2.0))
    assert "steady" in assess(record).sentence


def test_steps_that_are_done_again_are_drawn_once() -> None:
    """A run that was lost behind a checkpoint goes on from it in this window: its record is that of the folder then."""
    first = [step_event(n, loss=10.0 / n) for n in range(1, 6)]
    evaluated = [Evaluated(n, 9.0 / n, True, 10, {"exact": 0.1 * n}) for n in (3, 5)]
    lost: list[Event] = [*first[:3], evaluated[0], Saved(3, "step-3", "checkpoint"), *first[3:], evaluated[1]]
    going_on = [replace(started_event(Run(), 9), first_step=4), step_event(4, 2.0), step_event(5, 1.5)]
    live, clean = RunRecord(), RunRecord()
    for event in [started_event(Run(), 9), *lost, Finished("failed", 5, "mini has ended.", 0.5), *going_on]:
        live.add(event)
    for event in [started_event(Run(), 9), *lost[:5], *going_on]:
        clean.add(event)
    assert not live.problem and live.loss.x.tolist() == [1, 2, 3, 4, 5]
    for name in ("loss", "tokens", "seconds", "eval_loss"):
        for values in ("x", "y"):
            assert getattr(getattr(live, name), values).tolist() == getattr(getattr(clean, name), values).tolist()
    assert live.loss.smooth(SMOOTHING).tolist() == clean.loss.smooth(SMOOTHING).tolist()
    assert live.eval_metrics["exact"].y.tolist() == pytest.approx([0.3])
    assert live.best_eval == clean.best_eval == evaluated[0] and live.checkpoints == [3]
    assert live.last_step == clean.last_step and live.fraction == pytest.approx(5 / 9)


def test_what_was_measured_before_training_is_no_result() -> None:
    record = RunRecord()
    record.add(Evaluated(0, 0.5, False, 10))
    assert record.kept is None and make_entry(Run(), record).result == "–"
    for step, loss in ((10, 0.7), (20, 0.9), (30, math.nan)):
        record.add(Evaluated(step, loss, False, 10))
    assert record.kept == (0.7, 10)
    record.add(Finished("stopped", 43, "Stopped.", 5.0, 0.5, 0.6, 43))
    assert record.kept == (0.6, 43) and make_entry(Run(), record).result == "loss 0.600"


@pytest.mark.parametrize(
    ("losses", "sentence"),
    [
        ([2.0] * 40, "steady at 2.00"),
        ([2.0 - 0.04 * i for i in range(40)], "falling"),
        ([1.0 + 0.05 * i for i in range(40)], "rising"),
        ([2.0, math.nan], "no longer a number"),
        ([2.0], "Training has begun"),
    ],
)
def test_one_sentence_on_how_it_goes(losses: list[float], sentence: str) -> None:
    record = RunRecord()
    record.add(started_event(Run()))
    for n, loss in enumerate(losses, 1):
        record.add(step_event(n, loss))
    assert sentence in assess(record).sentence


@pytest.mark.parametrize(
    ("method", "metrics", "sentence"),
    [
        ("dpo", {"accuracy": lambda s: 0.5 + s / 100, "margin": lambda s: s / 10}, "lead of the better ones grows"),
        ("simpo", {"accuracy": lambda s: 0.5, "margin": lambda s: 0.1}, "stays at 0.10"),
        ("orpo", {"accuracy": lambda s: 1.0, "margin": lambda s: 9.0}, "overdo it"),
        ("kto", {"accuracy": lambda s: 0.6}, "moves 60% of the answers the right way"),
        ("grpo", {"reward": lambda s: 0.2 + s / 100, "flat_groups": lambda s: 0.2}, "The answers score better"),
        ("dapo", {"reward": lambda s: 0.9 - s / 50, "flat_groups": lambda s: 0.2}, "worse than at first"),
        ("grpo", {"reward": lambda s: 0.5, "flat_groups": lambda s: 1.0}, "Nothing to learn from"),
        ("grpo", {"reward": lambda s: 0.5, "cut_off": lambda s: 0.9}, "cut off"),
        ("grpo", {"reward": lambda s: 0.5}, "as at first"),
    ],
)
def test_one_sentence_for_what_a_method_measures(
    method: str, metrics: dict[str, Callable[[int], float]], sentence: str
) -> None:
    record = RunRecord()
    record.add(started_event(Run(method=method)))
    for n in range(1, 41):
        record.add(replace(step_event(n), metrics={name: value_at(n) for name, value_at in metrics.items()}))
    assert sentence in assess(record).sentence


def test_the_log_tells_how_far_a_phase_is_and_what_was_solved_in_the_windows_language(german: None) -> None:
    record = RunRecord()
    record.add(Phase("Validating before training", "1240 rows"))
    record.add(Phase("Loading model", "starter"))
    record.add(Evaluated(0, 0.75, False, 100, {"solved": 0.25}))
    assert [line.text for line in record.log] == [
        "Validierung vor dem Training: 1240 Zeilen",
        "Modell laden: Startmodell",
        "Schritt 0: 25\u00a0% der zurückgehaltenen Fragen gelöst",
    ]


@pytest.mark.parametrize(("method", "is_surprise"), [("sft", True), ("dpo", False), ("kto", False), ("grpo", False)])
def test_only_a_loss_on_right_answers_is_called_a_surprise(method: str, is_surprise: bool) -> None:
    record = RunRecord()
    record.add(started_event(Run(method=method)))
    record.add(step_event(1))
    assert ("surprised" in assess(record).sentence) == is_surprise


def test_no_time_is_left_for_steps_that_are_done() -> None:
    record = RunRecord()
    record.add(started_event(Run(), 3))
    for n in (1, 2, 3):
        record.add(replace(step_event(n), time=1000.0 + n))
        assert (record.seconds_left() is None) == (n in (1, 3))
    assert "left" not in status_text.times(record, 1003.0)
    live = LiveRun(Run(), lambda *_: iter(()), record)
    live.is_waiting, live.has_started = False, True
    state = RunState(record, Path("r"), live, is_over=False)
    assert state.save_reason == state.pause_reason == "All its steps are done."  # a checkpoint would never come


@pytest.mark.parametrize(("epochs", "words"), [(3.0, "epoch 0.1 of 3.0"), (0.04, "epoch 0.07 of 0.04")])
def test_a_part_of_an_epoch_is_not_called_none(epochs: float, words: str) -> None:
    record = RunRecord()
    record.add(replace(started_event(Run()), epochs=epochs))
    record.add(step_event(1))
    assert status_text.progress(record).endswith(words)


def test_memorising_is_said_at_the_third_validation_without_a_new_best() -> None:
    record = RunRecord()
    record.add(started_event(Run()))
    record.add(step_event(1))
    for step, loss in ((10, 1.0), (20, 0.8), (30, 0.85), (40, 0.9), (50, 0.95)):
        assert "no longer gets better" not in assess(record).sentence
        record.add(Evaluated(step, loss, loss == 0.8, 100))
    assert "since step 20" in assess(record).sentence
    assert "memorise" not in assess(record).sentence  # of rows that were seen once
    record.add(step_event(50))
    assert "since step 20: it begins to memorise" in assess(record).sentence


def test_worse_than_before_training_is_not_called_the_best_that_is_kept() -> None:
    record = RunRecord()
    record.add(started_event(Run()))
    record.add(step_event(1))
    for step, loss in ((0, 1.0), (10, 1.2), (20, 1.1), (30, 1.3)):
        record.add(Evaluated(step, loss, False, 100))
    told = assess(record)
    assert (told.tone, told.action) == ("warn", LOWER)
    assert told.sentence == "On unseen examples it is worse than before training. The learning rate may be too high."


def test_durations() -> None:
    times = {
        0: "0 s",
        59.4: "59 s",
        61: "1 min 1 s",
        120: "2 min",
        3599: "59 min",
        3600: "1 h 0 min",
        8000: "2 h 13 min",
    }
    assert {s: status_text.format_duration(s) for s in times} == times


def test_a_failed_run_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / "r"
    folder.mkdir()
    Run().write(folder / "run.toml")
    events = [Phase("Preparing data"), Finished("failed", 0, "The disk is full.", 0.0)]
    (folder / "events.jsonl").write_text("".join(to_json(e) + "\n" for e in events) + "not json\n")
    entry = history.read_entry(folder)
    assert entry is not None
    assert (entry.status, entry.resumable) == ("failed", True)
    assert history.read_record(folder).problem == "The disk is full."


@pytest.mark.parametrize(
    ("method", "result"), [("grpo", "82% solved"), ("dpo", "91% told right"), ("sft", "loss 0.093")]
)
def test_a_runs_result_is_what_its_method_is_after(tmp_path: Path, method: str, result: str) -> None:
    for _ in stories.play_story(Run(method=method).replace("output", str(tmp_path / "r")), Flag(), Flag()):
        pass
    entry = history.read_entry(tmp_path / "r")
    assert entry is not None
    assert entry.result == result


def test_whether_a_run_is_training_says_its_lock_and_no_clock(tmp_path: Path) -> None:
    Run().write(tmp_path / "run.toml")
    (tmp_path / "events.jsonl").write_text(to_json(Phase("Training")) + "\n")
    for is_training in (False, True, False):
        lock = RunLock(tmp_path)
        if is_training:
            lock.acquire()
        entry = history.read_entry(tmp_path)
        lock.release()
        assert entry is not None
        assert (entry.status, entry.resumable) == (("active", False) if is_training else ("interrupted", True))


def test_a_phase_is_named_with_its_counts() -> None:
    record = RunRecord()
    record.add(started_event(Run()))
    record.add(Phase("Validating before training", "37 of 98 rows", 37 / 98))
    assert status_text.headline(record) == "Validating before training: 37 of 98 rows"


def test_a_stop_tells_what_it_still_does() -> None:
    record = RunRecord()
    record.add(started_event(Run()))
    assert "as soon as" in status_text.describe_stop(record, True, True)
    record.add(step_event(1))
    words = status_text.describe_stop(record, True, True)
    assert "finishes this step and saves it, then validates the newest weights, then writes sample answers" in words
    assert "Skip the rest" in words and "Skip the rest" not in status_text.describe_stop(record, False, False)
    record.add(Phase("Writing sample answers after training"))
    assert "validates" not in status_text.describe_stop(record, True, True)


def test_memory_is_that_of_the_process_with_mlx_beside_it() -> None:
    record = RunRecord()
    record.add(replace(step_event(1), peak_memory_bytes=1 << 28, process_memory_bytes=3 << 29))
    assert list(record.memory.y) == [1.5] and record.mlx_memory == "MLX 0.25"
    record.note_memory(1 << 29, 9.0)
    assert record.log[-1].text == "Memory: the process held up to 1.50 GB; after the run it holds 0.50 GB."
    old = RunRecord()  # of a log that does not know the process
    old.add(replace(step_event(1), peak_memory_bytes=1 << 28))
    assert list(old.memory.y) == [0.25] and old.mlx_memory == ""


def test_a_pause_says_what_is_held_and_no_more() -> None:
    record = RunRecord()
    record.add(started_event(Run()))
    record.add(step_event(1))  # 1 GB
    record.add(Paused(1, 0.1))
    begin = "Paused at step 1 of 40. Its checkpoint holds all that it needs to go on."
    assert status_text.describe_paused(record, 0) == begin
    assert status_text.describe_paused(record, 1 << 28).endswith(
        "free again: Hone held 1.00 GB, and holds 0.25 GB now."
    )
    assert status_text.describe_paused(record, 1 << 30).endswith(
        "Nothing of it is in memory; Hone itself holds 1.00 GB."
    )
    assert not record.is_training and status_text.headline(record) == "Paused"
    record.add(Phase("Preparing data"))  # it goes on
    assert record.paused is None


def test_how_it_goes_has_a_tone_and_what_can_be_done() -> None:
    def assessed(losses: list[float]) -> tuple[str, str]:
        record = RunRecord()
        record.add(started_event(Run(), 100))
        for n, loss in enumerate(losses, 1):
            record.add(step_event(n, loss))
        health = assess(record)
        return health.tone, health.action

    assert assessed([1.0]) == ("accent", "")
    assert assessed([3.0 * 0.9**n for n in range(40)]) == ("good", "")
    assert assessed([1.0] * 40) == ("accent", CHANGE)
    assert assessed([1.0 + n for n in range(40)]) == ("warn", LOWER)
    assert assessed([1.0] * 20 + [math.nan]) == ("bad", LOWER)
    record = RunRecord()
    record.add(started_event(Run(), 100))
    record.add(step_event(60))
    for step, loss in ((10, 1.0), (20, 0.8), (30, 0.85), (40, 0.9), (50, 0.95)):
        record.add(Evaluated(step, loss, loss == 0.8, 100))
    assert (assess(record).tone, assess(record).action) == ("warn", STOP)
