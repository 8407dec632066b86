"""Ctrl-C, kill and a closed terminal or pipe at any time: one sentence, what is there is saved, the usual exit code."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core import signals
from core.events import Finished, from_json


def start(*words: str, **options: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "core", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def wait_for(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdout is not None
    assert any(text in line for line in process.stdout)


@pytest.fixture
def words(model_folder: Path, data_file: Path, tmp_path: Path) -> list[str]:
    place = ["--model", str(model_folder), "--dataset", str(data_file), "--output", str(tmp_path / "run")]
    return ["train", *place, "--samples", "0", "--batch-size", "4", "--max-seq-len", "128", "--steps", "3000"]


def last_event(tmp_path: Path) -> Any:
    return from_json((tmp_path / "run" / "events.jsonl").read_text().splitlines()[-1])


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow)]
)
def test_once_a_run_has_begun_it_is_saved(words: list[str], tmp_path: Path, number: int, code: int) -> None:
    process = start(*words, "--eval-every", "1000")
    wait_for(process, "step     1")
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, "")
    assert "Stopping after this step and saving." in output and "Stopped at step " in output
    finished = last_event(tmp_path)
    assert isinstance(finished, Finished) and finished.reason == "stopped"
    assert (tmp_path / "run" / "checkpoints" / f"step-{finished.step:07d}" / "manifest.json").is_file()


def test_a_checkpoint_on_request(words: list[str], tmp_path: Path) -> None:
    process = start(*words, "--eval-every", "1000", "--save-every", "3000", "--json")
    wait_for(process, '"event": "Step"')
    process.send_signal(signal.SIGUSR1)
    wait_for(process, '"event": "Saved"')
    assert list((tmp_path / "run" / "checkpoints").glob("step-*/manifest.json"))
    wait_for(process, '"event": "Step"')  # it goes on
    process.kill()
    process.communicate()


def test_while_it_loads_nothing_is_written(words: list[str], tmp_path: Path) -> None:
    process = start(*words)
    wait_for(process, "Preparing data")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (143, "hone: Ended by SIGTERM.\n")
    assert not (tmp_path / "run").exists()


def test_a_second_ctrl_c_ends_at_once(words: list[str], tmp_path: Path) -> None:
    process = start(*words, "--batch-size", "16", "--gradient-accumulation-steps", "400")
    wait_for(process, "Validating")
    process.send_signal(signal.SIGINT)
    wait_for(process, "Stopping after this step")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors in ("hone: Ended by Ctrl-C.\n", "")  # it may have been at its end already
    assert isinstance(last_event(tmp_path), Finished)


def test_what_is_to_be_ignored_is_ignored(words: list[str], tmp_path: Path) -> None:
    """As nohup has it."""
    process = start(*words[:-1], "3", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for(process, "Validating")
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert last_event(tmp_path).reason == "done"


def test_a_closed_pipe_stops_and_saves(words: list[str], tmp_path: Path) -> None:
    process = start(*words, "--eval-every", "1000")
    wait_for(process, "step     1")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 0
    assert last_event(tmp_path).reason == "stopped"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_an_output_that_cannot_be_written_is_said(words: list[str], tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "core", "methods"]
        process = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert process.stderr == "hone: The output cannot be written: no space is left on the disk.\n"
    assert process.returncode == 2


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(signals.Ended) as raised, signals.handled_by(signals.end):
        os.kill(os.getpid(), signal.SIGTERM)
    assert (str(raised.value), raised.value.exit_code) == ("Ended by SIGTERM.", 143)
    assert signal.getsignal(signal.SIGTERM) == before
