"""A Mac stays awake while a run works, and no longer: tried with a program that takes caffeinate's place."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.device import keep_awake
from core.events import Step
from core.run import Run
from core.train import train


@pytest.fixture
def fake_mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the fake program writes its arguments; it holds "ended" once it was told to end."""
    log, program = tmp_path / "log", tmp_path / "caffeinate"
    program.write_text(
        f"#!/bin/sh\ntrap 'echo ended >> {log}; exit 0' TERM\necho \"$@\" > {log}\nwhile :; do sleep 0.02; done\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(keep_awake, "PROGRAM", str(program))
    monkeypatch.setattr(keep_awake, "on_a_mac", lambda: True)
    return log


def wait_for(log: Path, text: str) -> None:
    while not log.is_file() or text not in log.read_text():
        time.sleep(0.01)


def test_it_is_asked_for_and_given_back(fake_mac: Path) -> None:
    with keep_awake.keep_awake() as asked:
        assert asked
        wait_for(fake_mac, "-w")
        assert fake_mac.read_text() == f"-i -s -w {os.getpid()}\n"
    wait_for(fake_mac, "ended")


def test_elsewhere_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_awake, "on_a_mac", lambda: False)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with keep_awake.keep_awake() as asked:
        assert not asked


def test_a_run_keeps_awake_until_it_stops(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, fake_mac: Path
) -> None:
    started: list[str] = []

    class Recorder:
        def __init__(self, command: list[str], **_: object) -> None:
            started.append("awake")

        def terminate(self) -> None:
            started.append("given back")

        def wait(self) -> None:
            pass

    monkeypatch.setattr(keep_awake.subprocess, "Popen", Recorder)
    events = train(make_run(train={"steps": 2}))
    for event in events:
        if isinstance(event, Step):
            assert started == ["awake"]
    assert started == ["awake", "given back"]
