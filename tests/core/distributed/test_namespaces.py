"""Two hosts of their own, each a network namespace, with a cable between them that can be cut."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.events import Event, Finished, Step, from_json
from tests import ssh_double

pytestmark = pytest.mark.slow

FIRST, SECOND = "10.231.7.1", "10.231.7.2"
TIMEOUT = 6  # seconds without a sign of life
STEPS = 40


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def cable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Two namespaces that are connected; ssh reaches the second whatever the cable does."""
    if not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("network namespaces need the program ip and root")
    here, there = f"hone-a-{os.getpid()}", f"hone-b-{os.getpid()}"
    try:
        ip("netns", "add", here)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made here: {error.stderr.decode().strip()}")
    try:
        ip("netns", "add", there)
        ip("link", "add", "cable0", "netns", here, "type", "veth", "peer", "name", "cable1", "netns", there)
        for space, device, address in ((here, "cable0", FIRST), (there, "cable1", SECOND)):
            ip("-n", space, "addr", "add", f"{address}/24", "dev", device)
            ip("-n", space, "link", "set", device, "up")
            ip("-n", space, "link", "set", "lo", "up")
        ssh_double.install(tmp_path / "ssh", monkeypatch, before=f"ip netns exec {there} ")
        yield here, there
    finally:
        for space in (here, there):
            subprocess.run(["ip", "netns", "del", space], capture_output=True)


def hone(space: str, *words: str) -> list[str]:
    at = ["ip", "netns", "exec", space] if space else []
    return [*at, sys.executable, "-P", "-m", "core", "train", *words, "--json"]


def run_to_its_end(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def recipe(folder: Path) -> list[str]:
    few = [
        "--steps",
        str(STEPS),
        "--batch-size",
        "4",
        "--save-every",
        "5",
        "--eval-every",
        str(STEPS),
        "--backend",
        "cpu",
    ]
    return ["--output", str(folder), *few]


def events_of(folder: Path) -> list[Event]:
    return [from_json(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def losses(folder: Path) -> dict[int, float]:
    return {event.step: event.loss for event in events_of(folder) if isinstance(event, Step)}


def test_a_cut_cable_ends_the_run_and_it_goes_on_with_the_cable_back(cable: tuple[str, str], tmp_path: Path) -> None:
    here, there = cable
    alone, together = tmp_path / "alone", tmp_path / "together"
    run_to_its_end(hone("", *recipe(alone)))
    hosts = ["--hosts", f"{FIRST},{SECOND}", "--rank-timeout", str(TIMEOUT)]
    process = subprocess.Popen(
        hone(here, *recipe(together), *hosts), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "Step" and event["step"] == 12:
            ip("-n", there, "link", "set", "cable1", "down")
            cut = time.monotonic()
            break
    else:
        raise AssertionError(process.communicate()[1])
    _, errors = process.communicate(timeout=300)
    took = time.monotonic() - cut
    assert process.returncode == 2
    sentence = f"{SECOND} (rank 1) gives no sign of life for {TIMEOUT} s. The run can go on from its last checkpoint."
    assert errors.strip() == f"hone: {sentence}"
    ended = events_of(together)[-1]
    assert isinstance(ended, Finished) and (ended.reason, ended.message) == ("failed", sentence)
    assert took < 120  # and not for ever

    ip("-n", there, "link", "set", "cable1", "up")
    words = ["--resume", str(together), *hosts]
    run_to_its_end(hone(here, *words))
    one, two = losses(alone), losses(together)
    assert list(two) == list(one) == list(range(1, STEPS + 1))
    assert max(abs(one[step] - two[step]) for step in range(1, 9)) < 1e-5
    assert isinstance(events_of(together)[-1], Finished)


def test_a_rank_of_a_real_run_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = subprocess.Popen(
        hone("", *recipe(folder), "--ranks", "2"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "Step" and event["step"] == 7:
            os.kill(_second_rank(process.pid), signal.SIGKILL)
            break
    _, errors = process.communicate(timeout=300)
    sentence = "this machine (rank 1) has ended unexpectedly. The run can go on from its last checkpoint."
    assert (process.returncode, errors.strip()) == (2, f"hone: {sentence}")
    ended = events_of(folder)[-1]
    assert isinstance(ended, Finished) and (ended.reason, ended.message) == ("failed", sentence)
    run_to_its_end(hone("", "--resume", str(folder)))
    assert list(losses(folder)) == list(range(1, STEPS + 1))


def _second_rank(launcher: int) -> int:
    """The process of rank 1, by what the launcher gave it."""
    for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
        if "MLX_RANK=1" in Path(f"/proc/{child}/environ").read_bytes().decode().split("\0"):
            return int(child)
    raise AssertionError("there is no rank 1")
