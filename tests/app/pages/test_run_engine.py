"""What a run's page says of the Neural Engine: used, asked for in vain, and switched off on the way."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.pages.run import RunPage
from app.shell.window import MainWindow
from app.widgets.badge import _Popup
from core.events import Event, Started, Step, Warned
from core.run import Run
from tests.app.conftest import BACKEND, play_script

LINE = "Forward pass: Core ML, planned 97% on the Neural Engine; gradients, head and loss: CPU."
USED = {"used": True, "code": "", "stage": "", "line": LINE, "facts": {}}
REASON = "Neural Engine: not used. Qwen3 with DoRA is not supported there; LoRA is."
REFUSED = {"used": False, "code": "adapter", "stage": "job", "line": REASON, "facts": {}}
OFF = "Neural Engine: It is switched off at step 5, and the run goes on without it: Core ML could not compute."
EXPERIMENTAL = "Experimental, not yet verified on hardware."


@pytest.fixture
def show(qtbot: QtBot, window: MainWindow, dataset: Path) -> Callable[..., RunPage]:
    """The page of a run whose backend says this of the Neural Engine; it is over."""

    def play(engine: dict[str, object], asked: str = "ane", off: bool = False) -> RunPage:
        def events(run: Run, stop: Flag, save_now: Flag) -> Iterator[Event]:
            for event in play_script(run, stop, save_now, steps=10):
                if isinstance(event, Started):
                    event = replace(event, backend={**BACKEND, "requested": asked, "neural_engine": engine})
                yield event
                if off and isinstance(event, Step) and event.step == 5:
                    yield Warned("neural-engine-off", OFF)

        window.runs.train_events = lambda run: lambda stop, save_now: events(run, stop, save_now)
        page = window.runs.start(Run().replace("data.path", str(dataset)))
        qtbot.waitUntil(lambda: page.record.is_over)
        qtbot.waitUntil(lambda: page.badge.isVisibleTo(page))
        return page

    return play


def test_used(show: Callable[..., RunPage]) -> None:
    page = show(USED)
    assert page.progress.engine.isVisibleTo(page) and page.progress.engine.text() == f"{LINE} {EXPERIMENTAL}"
    assert page.badge.text() == "Neural Engine · CPU (MLX) · float32"
    assert not page.notice.isVisibleTo(page)


def test_asked_for_in_vain(show: Callable[..., RunPage]) -> None:
    page = show(REFUSED)
    assert page.progress.engine.text() == f"{REASON} {EXPERIMENTAL}"
    assert page.badge.text() == "CPU (MLX) · float32 · not as asked"


def test_not_thought_of(show: Callable[..., RunPage]) -> None:
    page = show({**REFUSED, "code": "os", "stage": "host", "line": "Neural Engine: not used. Made up."}, asked="auto")
    assert not page.progress.engine.isVisibleTo(page) and page.badge.text() == "CPU (MLX) · float32"


def test_switched_off_on_the_way(show: Callable[..., RunPage]) -> None:
    page = show(USED, off=True)
    assert page.notice.isVisibleTo(page) and page.notice.sentence.text() == OFF
    assert "finished in MLX" in page.notice.advice.text() and not page.notice.fix_button.isVisibleTo(page)
    assert not page.progress.engine.isVisibleTo(page)
    assert page.badge.text() == "CPU (MLX) · float32 · not as asked"
    assert page.record.log[-1].text != OFF and OFF in [line.text for line in page.record.log]


def test_passes_without_a_gradient_alone(show: Callable[..., RunPage]) -> None:
    line = "Neural Engine: validation, not the steps. With it a step would take 2.0 times as long as without."
    parts = [
        {"part": "forward pass", "asked": "automatic, the fastest", "used": "GPU", "reason": "Slower."},
        {"part": "gradients", "asked": "automatic, the fastest", "used": "GPU", "reason": "Slower."},
        {"part": "validation", "asked": "automatic, the fastest", "used": "Neural Engine", "reason": "Core ML."},
    ]
    page = show({**REFUSED, "code": "slower", "stage": "worth", "line": line, "parts": parts}, asked="auto")
    assert page.progress.engine.text().splitlines() == [
        f"{line} {EXPERIMENTAL}",
        "Forward pass, gradients: GPU (asked: automatic, the fastest). Slower.",
        "Validation: Neural Engine (asked: automatic, the fastest). Core ML.",
    ]
    assert page.badge.text() == "Neural Engine · CPU (MLX) · float32"
    texts = [label.text() for label in _Popup(page.badge, page.badge._choices).findChildren(QLabel)]
    assert page.progress.engine.text().replace(f" {EXPERIMENTAL}", "") in texts
