"""Killed runs that go on end as the unbroken one does, to the last bit; `python -m tests.reliability` kills more."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import disk


def kill(*words: str) -> list[str]:
    """The line of each method, and that of all of them, in the table that is printed."""
    command = [sys.executable, "-m", "tests.reliability", "kills", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout.splitlines()[1:]


@pytest.mark.skipif(sys.platform != "linux", reason="it reads what files are open from /proc")
def test_a_few_kills() -> None:
    *_, total = kill("--count", "4", "--methods", "grpo")
    name, runs, killed, *_, different = total.split()
    assert (name, runs, different) == ("all", "4", "0") and int(killed) >= 4


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(sys.platform != "linux", reason="it reads what files are open from /proc")
def test_many_kills_of_every_method() -> None:
    *methods, total = kill("--count", "160", "--seed", "2")
    assert len(methods) == 9 and total.split()[1] == "160" and total.split()[-1] == "0"


def in_child(folder: Path, notes: Path, die_at: int | None) -> int:
    """Write a file, sync it, add to it, put another in its place and remove a third; returns the exit code."""
    code = (
        "import os, sys; from pathlib import Path; from tests.reliability import disk\n"
        "folder, die_at = Path(sys.argv[1]), int(sys.argv[3]) or None\n"
        "disk.watch(folder, Path(sys.argv[2]), disk.die_at(die_at))\n"
        "file = os.open(folder / 'a', os.O_WRONLY | os.O_CREAT)\n"  # 1: create
        "os.write(file, b'synced '); os.fsync(file); os.write(file, b'not')\n"  # 2, 3, 4
        "(folder / 'b').rename(folder / 'c'); (folder / 'd').unlink()\n"  # 5, 6
    )
    command = [sys.executable, "-c", code, str(folder), str(notes), str(die_at or 0)]
    return subprocess.run(command, cwd=Path(__file__).parents[2], timeout=60).returncode


@pytest.mark.skipif(sys.platform != "linux", reason="it reads what files are open from /proc")
def test_the_disk_itself(tmp_path: Path) -> None:
    seen = set()
    for seed in range(2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name in "bcd":
            (folder / name).write_text(name)
        assert in_child(folder, tmp_path / f"notes-{seed}", 6 if seed else None) == (-9 if seed else 0)
        kinds = [o["kind"] for o in disk.operations(tmp_path / f"notes-{seed}") if o["kind"] != "was there"]
        assert kinds == ["create", "write", "sync", "write", "replace", "unlink"][: 5 if seed else 6]
        assert (folder / "d").exists() == bool(seed)
        copies = tmp_path / f"copies-{seed}"
        for n in range(12):
            subprocess.run(["cp", "-a", folder, copies], check=True)
            # The copy has inodes of its own: what is known of them is of the original.
            os.rename(folder, tmp_path / "aside")
            os.rename(copies, folder)
            disk._undo_names(
                [o for o in disk.operations(tmp_path / f"notes-{seed}") if o["kind"] not in disk.NOT_OF_NAMES],
                random.Random(n),
            )
            seen.add(tuple(sorted((path.name, path.read_text()) for path in folder.iterdir())))
            subprocess.run(["rm", "-r", folder], check=True)
            os.rename(tmp_path / "aside", folder)
    whole = (("a", "synced not"), ("c", "b"))
    assert whole in seen  # nothing was lost
    assert (("b", "b"), ("c", "c"), ("d", "d")) in seen  # everything was
    assert (("a", "synced not"), ("b", "b"), ("c", "c"), ("d", "d")) in seen
    torn = tmp_path / "torn"
    torn.write_text("synced not")
    disk._tear(torn, 7, random.Random(3))
    assert torn.read_text().startswith("synced ") and torn.stat().st_size <= 10
