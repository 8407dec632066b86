"""Fixtures of the window's tests: a window without a screen, runs that are scripts of events, no thread left behind."""

import gc
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event as Flag

import pytest
from pytestqt.qtbot import QtBot

from app.desktop import language
from app.shell import dialogs
from app.shell.application import Application
from app.shell.open_runs import OpenRuns
from app.shell.places import Places
from app.shell.window import MainWindow
from app.style import theme
from app.threads import run_thread, task
from app.threads.run_thread import EventSource
from core import events
from core.events import Event
from core.run import Run
from core.stop_request import pauses

BACKEND = {"requested": "auto", "used": "cpu", "device": "A processor", "reason": "no GPU can be used"}
PRECISION = {"requested": "auto", "used": "float32", "detail": "float32", "reason": "the fastest on a CPU"}


@pytest.fixture(scope="session")
def qapp_cls() -> type[Application]:
    return Application


@pytest.fixture(scope="package", autouse=True)
def garbage_collection(qapp: Application) -> Iterator[None]:
    """Collect garbage as the program does in these tests, and as Python does after them."""
    gc.disable()
    yield
    task.cancel_all(60_000)  # an import on a busy machine outlasts the test that began it
    qapp.garbage_collector.stop()
    gc.collect()


@pytest.fixture(autouse=True)
def no_thread_left(qapp: Application) -> Iterator[None]:
    if theme.current_mode(qapp) != "light":  # all widgets that there are would be polished again
        theme.apply(qapp, "light")
    yield
    task.cancel_all()
    qapp.garbage_collector.collect()


@pytest.fixture(autouse=True)
def runs_that_begin_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run waits until its page is drawn."""
    monkeypatch.setattr(run_thread, "SHOW_SECONDS", 0)


@pytest.fixture
def idle_work() -> None:
    """For tests of what the window makes beforehand, while nobody asks for anything."""


@pytest.fixture(autouse=True)
def pages_when_asked_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No window makes all of its pages in a test of one of them, unless the test takes `idle_work`."""
    if "idle_work" not in request.fixturenames:
        monkeypatch.setattr(Places, "make_all", lambda self, done: None)
        monkeypatch.setattr(OpenRuns, "prepare", lambda self: None)


@pytest.fixture
def german() -> Iterator[None]:
    """The window speaks German, what it says from then on; English again after the test."""
    language.use("de")
    yield
    language.use("en")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Sixty rows of questions and answers."""
    path = tmp_path / "mine.jsonl"
    rows = (f'{{"prompt": "What is {i} plus {i}?", "completion": "It is {2 * i}."}}' for i in range(60))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def script() -> Callable[[Run], EventSource]:
    """The events of a short run that gets better, as a run's folder would hold them."""
    return lambda run: lambda stop, save_now: play_script(run, stop, save_now)


@pytest.fixture
def window(qtbot: QtBot, script: Callable[[Run], EventSource], monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """A window whose runs are scripts. Closing it asks no question."""
    monkeypatch.setattr(dialogs, "ask_to_stop", lambda parent, can_keep, answered: answered(dialogs.STOP))
    main_window = MainWindow()
    main_window.runs.train_events = script
    qtbot.addWidget(main_window)
    main_window.show()
    main_window.go("new")
    yield main_window
    main_window.jobs.shut_down()


# Of a run whose answers are of no use, as core.training.answers finds them.
CAVEAT = (
    "But 3 of 3 sample answers only repeat themselves (“The the the”). A model of 1.5 million parameters is too small "
    "to write freely: take a larger one."
)


def play_script(run: Run, stop: Flag, save_now: Flag, steps: int = 40, caveat: str = "") -> Iterator[Event]:
    """A run of `steps` steps without a model. Ends early when `stop` is set, or pauses where it asks for that."""
    assert run.output is not None
    folder = Path(run.output)
    folder.mkdir(parents=True, exist_ok=True)
    run.write(folder / "run.toml")
    with (folder / "events.jsonl").open("w", encoding="utf-8") as log:
        for event in _script_events(run, stop, save_now, steps, caveat):
            log.write(events.to_json(event) + "\n")
            yield event
    (folder / "adapters.safetensors").touch()


def _script_events(run: Run, stop: Flag, save_now: Flag, steps: int, caveat: str) -> Iterator[Event]:
    yield events.Phase("Preparing data")
    yield events.Phase("Loading model", run.model.path)
    yield started_event(run, steps)
    yield events.Evaluated(0, 2.41, False, 3000)
    yield events.Sample(0, "before", 0, "What is 2 plus 2?", "I do not know.", "It is 4.")
    yield events.Phase("Training")
    step = 0
    while step < steps and not stop.is_set():
        step += 1
        yield step_event(step, 0.4 + 2 * math.exp(-step / 12))
        if save_now.is_set():
            save_now.clear()
            yield events.Saved(step, f"{run.output}/checkpoints", "checkpoint")
        if step % 10 == 0:
            yield events.Evaluated(step, 0.5 + 1.9 * math.exp(-step / 12), True, 3000)
        time.sleep(0.002)
    if pauses(stop):
        yield events.Saved(step, f"{run.output}/checkpoints", "checkpoint")
        yield events.Paused(step, step * 0.1)
        return
    yield events.Phase("Saving")
    yield events.Sample(step, "after", 0, "What is 2 plus 2?", "The the the" if caveat else "It is 4.", "It is 4.")
    reason = "stopped" if stop.is_set() else "done"
    message = f"Better on unseen examples: 2.41 → 0.57. {caveat}".strip()
    scores = {"exact_match": 0.0}, {"exact_match": 0.0 if caveat else 1.0}
    loss_after = 0.5 + 1.9 * math.exp(-step / 12)
    yield events.Finished(reason, step, message, 3.0, 2.41, loss_after, step, *scores, caveat=caveat)


def started_event(run: Run, steps: int = 40) -> events.Started:
    name, model = run.name, run.model.path
    counts = dict(rows=60, eval_rows=6, tokens=1800, trainable_parameters=1000, total_parameters=9000)
    return events.Started(
        name, str(run.output), run.method, model, steps, 1, 3.0, **counts, backend=BACKEND, precision=PRECISION
    )


def step_event(step: int, loss: float = 1.0) -> events.Step:
    return events.Step(step, loss, 2e-4, 1.0, step * 30, step * 10, 900.0, 1 << 30, step / 15, step * 0.1)
