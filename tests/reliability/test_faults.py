"""A disk that fails ends a run in one sentence; `python -m tests.reliability disk` has every operation fail."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.run.folder import RUN
from tests.reliability import disk
from tests.reliability.faults import fault_run
from tests.reliability.runs import differences, result

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="it reads what files are open from /proc")


def fail(*words: str) -> list[str]:
    """The line of each method in the table that is printed."""
    command = [sys.executable, "-m", "tests.reliability", "disk", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout.splitlines()[1:]


@on_linux
def test_a_few_operations() -> None:
    (line,) = fail("--count", "2", "--methods", "grpo")
    name, operations, runs, ended, went_on, wrong = line.split()
    assert (name, runs, wrong) == ("grpo", "2", "0") and int(ended) + int(went_on) == 2 and int(operations) > 100


@on_linux
def test_a_few_operations_of_a_run_that_goes_on() -> None:
    (line,) = fail("--resumed", "--count", "2", "--methods", "sft")
    name, operations, runs, ended, went_on, wrong = line.split()
    assert (name, runs, wrong) == ("sft", "2", "0") and int(ended) + int(went_on) == 2 and int(operations) > 80


@on_linux
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_operations_of_runs_that_go_on() -> None:
    lines = fail("--resumed", "--count", "90", "--seed", "2")
    assert len(lines) == 9 and all(line.split()[-1] == "0" for line in lines)


@on_linux
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_operations_of_every_method() -> None:
    lines = fail("--count", "180", "--seed", "2")
    assert len(lines) == 9 and all(line.split()[-1] == "0" for line in lines)


@on_linux
def test_every_way_of_writing_is_watched(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; import numpy as np; import mlx.core as mx\n"
        "from tests.reliability import disk; folder = Path(sys.argv[1])\n"
        "disk.watch(folder, Path(sys.argv[2]), disk.die_at(None))\n"
        "(folder / 'a').write_text('text')\n"
        "with (folder / 'a').open('ab') as file: file.write(b'bytes')\n"
        "np.save(folder / 'b.npy', np.zeros(3))\n"
        "mx.save_safetensors(str(folder / 'c.safetensors'), {'x': mx.zeros(3)})\n"
        "file = os.open(folder / 'a', os.O_RDWR); os.ftruncate(file, 1); os.pwrite(file, b'b', 1)\n"
    )
    folder, notes = tmp_path / "folder", tmp_path / "notes"
    folder.mkdir()
    command = [sys.executable, "-c", code, str(folder), str(notes)]
    subprocess.run(command, cwd=Path(__file__).parents[2], timeout=60, check=True)
    done = [(o["kind"], os.path.basename(o["path"])) for o in disk.operations(notes)]
    once = [done[n] for n in range(len(done)) if n == 0 or done[n] != done[n - 1]]
    assert once == [
        ("create", "a"),
        ("write", "a"),
        ("open", "a"),
        ("write", "a"),
        ("create", "b.npy"),
        ("write", "b.npy"),
        ("create", "c.safetensors"),
        ("write", "c.safetensors"),
        ("open", "a"),
        ("write", "a"),
    ]
    assert (folder / "a").read_bytes() == b"tb"


def hone(*words: str) -> tuple[int, str]:
    """(exit code, what was written to stderr)."""
    command = [sys.executable, "-m", "core", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2])
    return done.returncode, done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 6 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only an administrator of Linux may mount a file system")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("method", ["sft", "dpo", "grpo", "kto", "distill"])
def test_a_full_disk(tmp_path: Path, small_disk: Path, method: str) -> None:
    """A disk with room for a part of a run; the run goes on once there is room."""
    whole = fault_run(method, tmp_path, tmp_path / "whole")
    whole.write(tmp_path / "whole.toml")
    assert hone(method, "--config", str(tmp_path / "whole.toml")) == (0, "")
    expected, ballast = result(tmp_path / "whole"), small_disk / "ballast"
    endings = set()
    for free in (0, 12, 64, 1060, 1200, 1400, 5000):  # in kB; a checkpoint asks for 1 MB
        run = small_disk / f"run-{free}"
        fault_run(method, tmp_path, run).write(tmp_path / "run.toml")
        asked = (method, "--config", str(tmp_path / "run.toml"))
        with ballast.open("wb") as file:
            file.write(bytes((6144 - free) * 1024))
        code, error = hone(*asked)
        endings.add(code)
        assert (code, error) == (0, "") or (code == 2 and error.startswith("hone: The disk is full")), error
        assert error.count("\n") <= 1
        ballast.unlink()
        if code:
            assert hone(*((method, "--resume", str(run)) if (run / RUN).exists() else asked)) == (0, "")
        assert not differences(expected, result(run))
        shutil.rmtree(run)
    assert endings == {0, 2}
