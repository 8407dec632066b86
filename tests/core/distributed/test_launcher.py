"""The launcher: scripts in the place of ranks, which tell events, die, hang, and are told what a person wants."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.distributed import launcher
from core.distributed.launcher import RankCrashed, run_ranks
from core.distributed.machines import Machines
from core.errors import Unavailable
from core.events import Event, Phase, Saved
from core.stop_request import StopRequest

OPENING = """
import os, sys, time, signal
sys.path.insert(0, {repository!r})
from core.events import Phase, Saved, Warned, to_json
rank = int(os.environ["MLX_RANK"])
def tell(event):
    print(to_json(event), flush=True)
"""
REPOSITORY = str(Path(__file__).parents[3])


@pytest.fixture
def ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Iterator[Event]]:
    """Starts two ranks that run a piece of Python each; gives the events."""

    def start(code: str, stop: threading.Event | None = None, save: threading.Event | None = None) -> Iterator[Event]:
        script = tmp_path / "rank.py"
        script.write_text(OPENING.format(repository=REPOSITORY) + code)
        monkeypatch.setattr(launcher, "hone_command", lambda words: [sys.executable, str(script), *words])
        machines = Machines(ranks=2, distributed_backend="ring")
        return run_ranks(["train"], machines, stop or StopRequest(), save or threading.Event())

    return start


def names(events: Iterator[Any]) -> list[str]:
    return [event.name if isinstance(event, Phase) else event.message for event in events]


def test_the_events_of_the_first_rank(ranks: Callable[..., Iterator[Event]]) -> None:
    code = """
if rank == 0:
    tell(Phase(" ".join(sys.argv[1:]), detail=os.environ["HONE_HOSTS"]))
    tell(Phase(open(os.environ["MLX_HOSTFILE"]).read().replace("127.0.0.1:", "")))
else:
    print("no event of the first rank", flush=True)
"""
    found = list(ranks(code))
    assert names(iter(found))[0] == "train --json"
    assert isinstance(found[0], Phase) and found[0].detail == "this machine,this machine"
    assert names(iter(found))[1].count('"') == 4 and len(found) == 2


def test_wishes_reach_every_rank(ranks: Callable[..., Iterator[Event]]) -> None:
    code = """
import select
lines = [sys.stdin.readline().strip()]
tell(Phase(lines[0]))
tell(Phase(sys.stdin.readline().strip()))
"""
    stop, save = StopRequest(), threading.Event()
    save.set()
    found = []
    for event in ranks(code, stop, save):
        found += names(iter([event]))
        stop.pause()
    assert found == ["checkpoint", "pause"] and not save.is_set()


def test_what_the_first_rank_complains_about(ranks: Callable[..., Iterator[Event]]) -> None:
    code = """
if rank == 0:
    tell(Warned("a", "note"))
    print("hone: There is no dataset.", file=sys.stderr)
else:
    print("hone: Another sentence.", file=sys.stderr)
sys.exit(2)
"""
    with pytest.raises(Unavailable, match=r"^There is no dataset\.$"):
        list(ranks(code))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("There is no option --new.", "this machine (rank 1): There is no option --new."),
        ("this machine (rank 0) is gone.", "this machine (rank 0) is gone."),
    ],
)
def test_what_another_rank_complains_about_is_told_with_its_machine(
    ranks: Callable[..., Iterator[Event]], said: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "GRACE", 0.5)
    code = f"""
if rank == 0:
    time.sleep(1000)  # waits for the other
print("hone: {said}", file=sys.stderr)
sys.exit(2)
"""
    with pytest.raises(Unavailable) as raised:
        list(ranks(code))
    assert str(raised.value) == told


@pytest.mark.parametrize("what", ["adapter", "checkpoint"])
def test_a_killed_rank_is_named(
    ranks: Callable[..., Iterator[Event]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    monkeypatch.setattr(launcher, "GRACE", 0.5)
    told = str(tmp_path / "told")
    code = f"""
if rank == 0:
    tell(Saved(3, "", {what!r}))
    open({told!r}, "w").close()
while not os.path.exists({told!r}):
    time.sleep(0.02)
if rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(1000)
"""
    began = time.monotonic()
    with pytest.raises(Unavailable) as raised:
        list(ranks(code))
    advice = " The run can go on from its last checkpoint." if what == "checkpoint" else ""
    assert str(raised.value) == f"this machine (rank 1) was killed (signal 9).{advice}"
    assert time.monotonic() - began < 100  # the other one would have slept for longer


def test_a_stopped_rank_does_not_hold_up_the_end(
    ranks: Callable[..., Iterator[Event]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(launcher, "GRACE", 0.5)
    place = str(tmp_path / "pid")
    code = f"""
if rank == 1:
    open({place!r}, "w").write(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)
while not os.path.exists({place!r}):
    time.sleep(0.05)
print("hone: mini gives no sign of life.", file=sys.stderr)
os._exit(2)
"""
    with pytest.raises(Unavailable, match=r"mini gives no sign of life\."):
        list(ranks(code))
    assert not Path(f"/proc/{Path(place).read_text()}/cmdline").exists() or sys.platform != "linux"


def test_a_bug_is_told_whole(ranks: Callable[..., Iterator[Event]]) -> None:
    with pytest.raises(RankCrashed, match=r"(?s)^this machine \(rank 0\):\nTraceback.*ZeroDivisionError"):
        list(ranks("1 / 0"))


def test_closing_ends_every_rank(ranks: Callable[..., Iterator[Event]]) -> None:
    events = ranks("tell(Saved(1, str(os.getpid()), 'checkpoint'))\ntime.sleep(1000)")
    first = next(events)
    assert isinstance(first, Saved)
    events.close()  # type: ignore[attr-defined]
    assert not Path(f"/proc/{first.path}").exists()
