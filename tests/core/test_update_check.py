"""Looking for a newer Hone: against a server on this machine; what it may answer, and that nothing else is sent."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import core
from core import update_check
from core.__main__ import main
from core.update_check import DAY_SECONDS, Updates

PAGE = "https://example.org/hone/releases/v9.1"
RELEASE = {"tag_name": "v9.1", "html_url": PAGE, "body": "Faster.", "draft": False}


class Server(HTTPServer):
    status, contents, location = 200, b"", ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_port}/releases/latest"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers)))
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()
        self.wfile.write(self.server.contents)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    found = Server()
    found.contents = json.dumps(RELEASE).encode()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    (tmp_path / "releases.url").write_text(found.url + "\n")
    monkeypatch.setattr(update_check, "FOLDER", tmp_path)
    monkeypatch.setattr(core, "__version__", "0.9")
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def test_a_newer_version_is_told_and_nothing_else_is_sent(server: Server) -> None:
    assert update_check.is_due()
    updates = update_check.ask()
    assert (updates.version, updates.notes, updates.page, updates.problem) == ("9.1", "Faster.", PAGE, "")
    assert updates.is_newer and update_check.read_updates() == updates
    assert update_check.describe() == f"Hone 9.1 is available: {PAGE}"
    ((command, path, headers),) = server.requests
    assert (command, path) == ("GET", "/releases/latest")
    host = f"127.0.0.1:{server.server_port}"
    expected = {"Accept-Encoding": "identity", "Host": host, "User-Agent": "Hone", "Accept": "application/json"}
    assert headers == expected | {"Connection": "close"}


@pytest.mark.parametrize(
    ("ours", "newer"),
    [("9.1", False), ("9.0.9", True), ("9.1rc1", True), ("9.1.1.dev0", False), ("10.0", False), ("9.1.0", False)],
)
def test_versions_are_compared_as_versions(
    server: Server, monkeypatch: pytest.MonkeyPatch, ours: str, newer: bool
) -> None:
    monkeypatch.setattr(core, "__version__", ours)
    assert update_check.ask().is_newer is newer
    assert (update_check.describe() == "this is the latest version") is not newer


def test_once_a_day_and_only_where_it_is_wanted(server: Server) -> None:
    now = update_check.ask().asked
    assert abs(now - time.time()) < 60
    assert not update_check.is_due(now + 1) and not update_check.is_due(now + DAY_SECONDS - 1)
    assert update_check.is_due(now + DAY_SECONDS)
    assert update_check.is_due(now - 60)  # the clock was set back
    update_check.want_updates(False)
    assert not update_check.is_due(now + DAY_SECONDS)
    assert update_check.read_updates().version == "9.1"  # what is known stays
    assert update_check.describe() == "not looked for: switched off"
    update_check.want_updates(True)
    assert update_check.is_due(now + DAY_SECONDS)


def test_without_an_address_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(update_check, "FOLDER", tmp_path)
    assert not update_check.is_due()
    assert "without the address" in update_check.describe()


def test_this_repository_names_no_address() -> None:
    """The build puts it there: a copy of the sources asks nobody."""
    assert update_check.releases_url() == ""


def answer(**values: Any) -> Callable[[Server], None]:
    return lambda server: vars(server).update(values)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (answer(status=404), "the releases' address answered 404"),
        (answer(contents=b"<html>"), "names no release: line 1, column 1: expecting value"),
        (answer(contents=b"[" * 100_000), "names no release: "),
        (answer(contents=b"[]"), "names no release: it is no JSON object"),
        (answer(contents=b"{}"), "names no release: it lacks tag_name or html_url"),
        (answer(contents=b" " * 1_000_001), "names no release: it is too long"),
        (answer(contents=b"\xff"), "names no release: "),
        (answer(contents=json.dumps(RELEASE | {"tag_name": "nightly"}).encode()), "'nightly' is no version"),
        (answer(contents=json.dumps(RELEASE | {"html_url": "file:///etc/passwd"}).encode()), "is not https"),
        (answer(status=302, location="http://127.0.0.1:1/x"), "the releases' address cannot be reached: "),
        (answer(status=302, location="ftp://127.0.0.1/x"), "the releases' address cannot be reached: "),
    ],
)
def test_an_answer_that_is_none_is_told_by_the_doctor_alone(
    server: Server, change: Callable[[Server], None], problem: str
) -> None:
    change(server)
    updates = update_check.ask()
    assert problem in updates.problem and not updates.is_newer
    assert not update_check.is_due()  # a failure counts for the day
    assert update_check.describe() == f"not known: {updates.problem}"


def test_no_network(server: Server, tmp_path: Path) -> None:
    (tmp_path / "releases.url").write_text("http://127.0.0.1:1/releases")
    problem = update_check.ask().problem
    assert problem.startswith("the releases' address cannot be reached: ") and "the connection was refused" in problem
    (tmp_path / "releases.url").write_text("http://example.org/releases")
    assert update_check.ask().problem == "what the releases' address answers names no release: its address is not https"


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"wanted": false}', "\x00", '{"version": "never"}'])
def test_a_damaged_file_is_as_none(kept: str) -> None:
    file = update_check.updates_file()
    file.parent.mkdir(parents=True)
    file.write_text(kept)
    assert update_check.read_updates() == Updates()


def test_where_nothing_can_be_kept_nothing_is_asked(server: Server) -> None:
    file = update_check.updates_file()
    file.parent.parent.mkdir(parents=True)
    file.parent.write_text("a file, not a folder")
    assert "cannot be written" in update_check.ask().problem
    assert server.requests == []


def test_the_doctor_tells(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    update_check.ask()
    assert main(["doctor"]) == 0
    assert f"Updates        Hone 9.1 is available: {PAGE}" in capsys.readouterr().out.splitlines()
