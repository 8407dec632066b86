"""What a machine is asked before a run: is it there, is Hone there, and is what the run needs there?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import __version__
from core.cli import host_facts
from core.cli import parser as command_line
from core.distributed.host_check import ask_host, check_hosts
from core.errors import Unavailable
from tests import ssh_double


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return ssh_double.install(tmp_path / "ssh", monkeypatch)


def test_a_machine_tells_what_it_is_and_lacks(asked: Path, tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").touch()
    facts = ask_host("mini", [str(tmp_path / "data.jsonl"), str(tmp_path / "missing file.jsonl")], "starter")
    assert facts.versions["hone"] == __version__ and facts.memory_bytes > 0
    assert facts.missing == (str(tmp_path / "missing file.jsonl"),)
    assert asked.read_text() == "mini\n"


def test_what_is_missing_is_told_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    words = ["host-facts", "--file=/no/such/data.jsonl", "--model=/no/such/model"]
    args = command_line().parse_args(words)
    out: Callable[..., Any] = printed.append
    assert host_facts.run(args, out) == 0
    assert json.loads(printed[0])["missing"] == ["/no/such/data.jsonl", "model /no/such/model"]


def test_a_machine_that_cannot_be_reached(asked: Path) -> None:
    sentence = r"^gone cannot be reached: ssh: connect to host gone port 22: No route to host\.$"
    with pytest.raises(Unavailable, match=sentence):
        check_hosts([ssh_double.GONE], [], "starter")


def test_a_machine_without_hone(asked: Path) -> None:
    with pytest.raises(Unavailable, match=r"^bare has no Hone at .*/python.*, where it lies here \(.*not found\)\.$"):
        ask_host(ssh_double.BARE)


def test_a_machine_that_lacks_something(asked: Path) -> None:
    with pytest.raises(Unavailable, match=r"^mini has no /no/such/data\.jsonl: it must lie there as it does here\.$"):
        check_hosts(["mini"], ["/no/such/data.jsonl"], "starter")


def test_no_machine_is_asked_where_none_is_named(asked: Path) -> None:
    check_hosts([], ["/no/such/data.jsonl"], "starter")
    assert asked.read_text() == ""
