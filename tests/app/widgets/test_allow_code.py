"""The window asks before code of others runs, naming file and hash; a yes is remembered, and is never in the run."""

import hashlib
import json
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.shell.window import MainWindow
from app.widgets.allow_code import ask_to_allow
from app.widgets.message_box import MessageBox
from core import trust
from core.run import Run

SOURCE = "def reward(answers):\n    return [1.0 for a in answers]\n"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "own.py").write_text(SOURCE)
    run = Run(method="grpo").replace("options.rewards", ["file=1"])
    run = run.replace("options.reward_file", str(tmp_path / "own.py"))
    return run.replace("options.allow_reward_code", True)


def answer_box(parent: QWidget, name: str, texts: list[str]) -> None:
    """Press the button of this name in the box that stands over `parent`, and keep what the box says."""
    (box,) = [box for box in parent.findChildren(MessageBox) if box.isVisible()]
    texts.append(box.heading.text() + box.sentence.text())
    next(button for button in box.buttons if button.text() == name).click()


def ask(parent: QWidget, run: Run, *, rewards_only: bool = False) -> list[Run | None]:
    """What the question ends in, once it is answered: the run, or None after a no."""
    ends: list[Run | None] = []
    ask_to_allow(parent, run, ends.append, lambda: ends.append(None), rewards_only=rewards_only)
    return ends


def test_it_names_file_and_hash_and_asks_once(qtbot: QtBot, run: Run) -> None:
    parent, texts = QWidget(), list[str]()
    qtbot.addWidget(parent)
    ends = ask(parent, run)
    assert ends == []  # the window goes on while the question stands
    answer_box(parent, "Do not run it", texts)
    assert ends == [None]
    ends = ask(parent, run)
    answer_box(parent, "Let it run", texts)
    (allowed,) = ends
    assert allowed is not None and not allowed.options.allow_reward_code
    assert ask(parent, run) == [allowed]  # without another box
    assert texts[0] == texts[1]
    assert run.options.reward_file in texts[0] and hashlib.sha256(SOURCE.encode()).hexdigest() in texts[0]
    Path(run.options.reward_file).write_text(SOURCE + "\n")
    ends = ask(parent, run)
    answer_box(parent, "Do not run it", texts)
    assert ends == [None]
    assert "own.py has changed and is about to run" in texts[2]


def test_a_models_own_code_too(qtbot: QtBot, tmp_path: Path) -> None:
    parent, texts = QWidget(), list[str]()
    qtbot.addWidget(parent)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen3", "model_file": "own.py"}))
    (tmp_path / "own.py").write_text("x = 1\n")
    run = Run().replace("model.path", str(tmp_path)).replace("model.allow_code", True)
    ends = ask(parent, run)
    answer_box(parent, "Do not run it", texts)
    assert ends == [None]
    assert "The model's own code (own.py) is about to run." in texts[0]
    assert ask(parent, run, rewards_only=True) != [None]
    code = trust.model_code(tmp_path, {"model_file": "own.py"})
    assert code is not None
    trust.allow(code)
    (allowed,) = ask(parent, run)
    assert allowed is not None and not allowed.model.allow_code


def test_a_run_starts_and_resumes_only_after_a_yes(
    window: MainWindow, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []
    monkeypatch.setattr(window.runs, "start", begun.append)
    monkeypatch.setattr(window.runs, "resume_folder", lambda folder, **_: begun.append(folder))
    (tmp_path / "run").mkdir()
    run.write(tmp_path / "run" / "run.toml")
    texts: list[str] = []
    for begin in (lambda: window.wizard.start.emit(run), lambda: window.runs_page.resume.emit(tmp_path / "run")):
        begin()
        answer_box(window, "Do not run it", texts)
    assert begun == [] and len(texts) == 2
    window.wizard.start.emit(run)
    answer_box(window, "Let it run", texts)
    window.runs_page.resume.emit(tmp_path / "run")
    assert begun == [run.replace("options.allow_reward_code", False), tmp_path / "run"]
