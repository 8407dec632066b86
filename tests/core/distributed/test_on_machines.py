"""Runs that are started on several machines from Python and from the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.distributed.machines import Machines
from core.errors import Unavailable
from core.events import Finished, Step, from_json
from core.run import Run
from core.train import resume_on, train_on
from tests import ssh_double
from tests.core.distributed.ranks import ring

DIFFERENT = """
import json, os, sys
from core.errors import UserError
from core.run import Run
from core.train import train
folder = sys.argv[1]
data = f"{folder}/{os.environ['MLX_RANK']}.jsonl"
run = Run().replace("data.path", data).replace("output", f"{folder}/run").replace("train.epochs", None)
try:
    list(train(run.replace("train.steps", 2)))
except UserError as error:
    print(error)
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return ssh_double.install(tmp_path / "ssh", monkeypatch)


def test_a_machine_that_cannot_be_reached_is_told_before_anything_starts(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostbyname", lambda name: "192.0.2.9")
    machines = Machines(hosts=("127.0.0.1", ssh_double.GONE))
    with pytest.raises(Unavailable, match=r"^gone cannot be reached: ssh: connect to host gone port 22: No route"):
        list(train_on(Run().replace("output", str(tmp_path / "run")), machines))
    assert not (tmp_path / "run").exists()


def test_a_dataset_that_the_other_machine_lacks(asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostbyname", lambda name: "192.0.2.9")
    run = Run().replace("data.path", "/no/such/data.jsonl").replace("output", str(tmp_path / "run"))
    with pytest.raises(Unavailable, match=r"^mini has no /no/such/data\.jsonl: it must lie there as it does here\.$"):
        list(train_on(run, Machines(hosts=("127.0.0.1", "mini"))))


@pytest.mark.slow
def test_ranks_with_different_data_are_refused(tmp_path: Path) -> None:
    for rank in range(2):
        rows = [{"prompt": f"How much is {n} + {n}?", "completion": str(2 * n + rank)} for n in range(60)]
        (tmp_path / f"{rank}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", DIFFERENT, str(tmp_path)],
            env=env | {"HONE_HOSTS": "studio,mini"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for env in ring(2, tmp_path)
    ]
    said = [process.communicate(timeout=200) for process in processes]
    sentence = "The dataset and the held-out rows are not the same on studio and mini."
    assert [out.strip() for out, _ in said] == [sentence, sentence], said
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_ctrl_c_saves_on_two_ranks_and_python_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["train", "--steps", "30", "--batch-size", "4", "--ranks", "2", "--output", str(folder), "--json"]
    command = [sys.executable, "-P", "-m", "core", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "Step":
            os.kill(process.pid, signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=200)
    last = from_json(rest.splitlines()[-1])
    assert process.returncode == 130 and isinstance(last, Finished) and last.reason == "stopped", errors
    events = list(resume_on(folder, Machines(ranks=2, distributed_backend="ring")))
    assert isinstance(events[-1], Finished) and events[-1].reason == "done"
    steps = [event.step for event in events if isinstance(event, Step)]
    assert steps == list(range(last.step + 1, 31))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the ranks are found under /proc")
def test_ranks_whose_launcher_is_killed_save_and_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = ["train", "--steps", "300", "--batch-size", "4", "--ranks", "2", "--output", str(folder), "--json"]
    command = [sys.executable, "-P", "-m", "core", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "Step":
                ranks = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                process.kill()
                break
    deadline = time.monotonic() + 200
    while any(Path(f"/proc/{rank}").exists() for rank in ranks):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    last = from_json((folder / "events.jsonl").read_text().splitlines()[-1])
    assert isinstance(last, Finished) and last.reason == "stopped"
