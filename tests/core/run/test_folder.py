"""A run's folder: whom it belongs to, and its logs cut at a checkpoint although lines are damaged."""

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import BadOption, Unavailable
from core.events import Evaluated, Event, Finished, Phase, Saved, Warned, to_json
from core.run import Run
from core.run.event_log import cut_log, cut_samples
from core.run.folder import RunFolder
from core.run.lock import RunLock, is_locked

EVENTS: list[Event] = [
    Phase("Training"),
    Evaluated(3, 1.0, True, 10),
    Saved(3, "checkpoints/step-0000003", "checkpoint"),
    Phase("Validating"),
    Evaluated(6, 0.5, True, 10),
    Saved(6, "checkpoints/step-0000006", "checkpoint"),
    Saved(6, "run", "adapter"),
    Finished("stopped", 6, "", 1.0),
]
LINES = [to_json(event) for event in EVENTS]


@contextmanager
def umask(bits: int) -> Iterator[None]:
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


def cut(tmp_path: Path, lines: list[str], step: int | None) -> tuple[list[str], int]:
    (tmp_path / "events.jsonl").write_text("".join(line + "\n" for line in lines))
    text, bad = cut_log(tmp_path / "events.jsonl", Path("checkpoints"), step)
    assert text is not None
    return text.splitlines(), bad


@pytest.mark.parametrize(("step", "kept"), [(3, 3), (6, 6), (None, 0)])
def test_the_log_ends_with_the_line_about_the_checkpoint(tmp_path: Path, step: int | None, kept: int) -> None:
    assert cut(tmp_path, LINES, step) == (LINES[:kept], 0)


def test_a_line_about_the_checkpoint_that_a_crash_took_is_added(tmp_path: Path) -> None:
    lines, bad = cut(tmp_path, [*LINES[:5], "\0\0\0"], 6)
    assert lines[:5] == LINES[:5] and bad == 0
    assert json.loads(lines[5])["path"] == "checkpoints/step-0000006" and len(lines) == 6
    lines, bad = cut(tmp_path, LINES[:2] + LINES[3:], 3)  # in the middle, before later steps
    assert lines[:3] == [*LINES[:2], LINES[3]] and json.loads(lines[3])["step"] == 3 and len(lines) == 4


def test_damaged_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    damaged = [LINES[0], "x", '{"event": "Finished", "reason": null}', *LINES[1:], "after the checkpoint"]
    assert cut(tmp_path, damaged, 6) == (LINES[:6], 2)


def test_samples_are_cut_by_step(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    assert cut_samples(file, 3) == (None, 0)
    rows = [json.dumps({"step": n, "prompt_ids": [1], "answers": []}) + "\n" for n in (1, 1, 3, 4)]
    file.write_text("".join([*rows[:2], "x\n", "[]\n", '{"step": 2}\n', *rows[2:], "y\n", '{"step": 5']))
    assert cut_samples(file, 3) == ("".join(rows[:3]), 3)
    assert cut_samples(file, None) == ("", 0)


def test_a_line_after_one_that_was_cut_off_is_whole(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(LINES[0] + "\n" + LINES[1][:20])
    folder = RunFolder(tmp_path)
    folder.log(EVENTS[2])
    folder.log(Warned("odd", "half a \ud800 pair"))
    assert list(folder.events())[:2] == [EVENTS[0], EVENTS[2]]
    assert [e.message for e in folder.events() if isinstance(e, Warned)] == ["half a ? pair"]


@pytest.mark.parametrize("bits", [0o000, 0o022, 0o777])
def test_a_run_is_for_its_owner_alone(tmp_path: Path, bits: int) -> None:
    with umask(bits):
        folder = RunFolder.plan(Run().replace("output", str(tmp_path / "run")))
        folder.log(EVENTS[0])
        folder.begin(Run())
        folder.write_json("resolved.json", {})
        folder.close()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}
    assert modes == dict.fromkeys(("run.toml", "run.lock", "events.jsonl", "resolved.json"), 0o600)


def test_a_folder_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o755)
    folder = RunFolder.plan(Run().replace("output", str(tmp_path / "mine")))
    folder.begin(Run())
    folder.close()
    assert stat.S_IMODE((tmp_path / "mine").stat().st_mode) == 0o755


@pytest.mark.parametrize("was_there", [False, True])
def test_what_cannot_begin_leaves_no_folder_behind(
    was_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if was_there:
        (tmp_path / "run").mkdir()
    run = Run(output=str(tmp_path / "run"))
    folder = RunFolder.plan(run)
    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(Unavailable, match="The disk is full"):
        folder.begin(run)
    assert (tmp_path / "run").exists() == was_there


def test_a_folder_that_was_moved_away_is_said(tmp_path: Path) -> None:
    folder = RunFolder.plan(Run().replace("output", str(tmp_path / "run")))
    folder.begin(Run())
    folder.path.rename(tmp_path / "moved")
    with pytest.raises(Unavailable, match=r"events.jsonl is gone: it was moved or removed meanwhile\.$"):
        folder.log(EVENTS[0])
    assert not folder.path.exists()
    folder.close()


def test_a_run_belongs_to_one_process(tmp_path: Path) -> None:
    Run().write(tmp_path / "run.toml")
    assert not is_locked(tmp_path)
    folder = RunFolder.open(tmp_path)
    assert is_locked(tmp_path)
    with pytest.raises(BadOption, match=f"is being trained in by process {os.getpid()} on "):
        RunFolder.open(tmp_path)
    folder.close()
    assert not is_locked(tmp_path)


def test_two_new_runs_of_one_folder(tmp_path: Path) -> None:
    run = Run().replace("output", str(tmp_path / "run"))
    first, second = RunFolder.plan(run), RunFolder.plan(run)
    first.begin(run)
    with pytest.raises(BadOption, match="is being trained in"):
        second.begin(run)
    first.close()
    with pytest.raises(BadOption, match="already holds a run"):
        second.begin(run)
    second.close()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = "import sys, pathlib; from core.run.lock import RunLock; RunLock(pathlib.Path(sys.argv[1])).acquire(); "
    code += "print('locked', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    with process.stdin, process.stdout:
        assert process.stdout.readline() == "locked\n"
        assert is_locked(tmp_path)
        with pytest.raises(BadOption, match=f"by process {process.pid} on"):
            RunLock(tmp_path).acquire()
        process.kill()
        process.wait()
        assert not is_locked(tmp_path)


def test_a_file_system_without_locks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("core.run.lock.fcntl.flock", flock)
    Run().write(tmp_path / "run.toml")
    folder = RunFolder.open(tmp_path)
    (note,) = folder.begin(Run())
    assert (note.code, is_locked(tmp_path)) == ("no-locks", False)
    assert "has no locks: take care that nothing else trains in this folder" in note.message
    folder.close()
