"""The server in "Use it": its address, one model in memory, and its end by request, by a run, and with the page."""

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.pages.serve_row import TAKEN, ServeRow
from app.runs.job_queue import JobQueue
from app.threads import serve_thread
from core.errors import Unavailable

URL = "http://127.0.0.1:9/v1"


class Double:
    """In place of core.serve.Server."""

    notes, url = ("The base is packed as nf4.",), URL
    open_count = 0

    def __enter__(self) -> "Double":
        Double.open_count += 1
        return self

    def __exit__(self, *error: object) -> None:
        Double.open_count -= 1


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What servers were asked for; each is a Double."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def adapter_server(source: str, **options: Any) -> type[Double]:
        asked.append((source, options))
        return Double

    monkeypatch.setattr(serve_thread, "adapter_server", adapter_server)
    return asked


def make_row(qtbot: QtBot, folder: Path, *, allowed: bool = True, refusal: str = "") -> ServeRow:
    row = ServeRow(JobQueue(), folder, "cpu", refusal, lambda go_on, refused: go_on() if allowed else refused())
    qtbot.addWidget(row)
    row.set_waiting("")
    row.show()
    return row


def test_it_serves_at_an_address_until_stop(
    qtbot: QtBot, tmp_path: Path, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    row = make_row(qtbot, tmp_path)
    row.button.click()
    assert row.stop.isVisible() and not row.button.isVisible() and row.is_serving
    qtbot.waitUntil(row.command.isVisible)
    assert asked == [(str(tmp_path), {"backend_name": "cpu"})] and Double.open_count == 1
    assert row.command.text() == URL and row.notes.text() == Double.notes[0]
    assert row.stop.isVisible() and not row.bar.isVisible() and not row.reveal.isVisible()
    row.copy.click()
    assert QGuiApplication.clipboard().text() == URL
    row.stop.click()
    qtbot.waitUntil(row.button.isVisible)
    assert Double.open_count == 0 and not row.is_serving and not row.result.isVisible()


def test_what_else_needs_the_model_ends_it_and_that_is_said(
    qtbot: QtBot, tmp_path: Path, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    row = make_row(qtbot, tmp_path)
    row.serve()
    qtbot.waitUntil(row.command.isVisible)
    row._jobs.end_chat()
    qtbot.waitUntil(row.button.isVisible)
    assert Double.open_count == 0 and row.result.text() == TAKEN


def test_it_ends_with_its_row(qtbot: QtBot, tmp_path: Path, asked: list[tuple[str, dict[str, Any]]]) -> None:
    jobs = JobQueue()
    row = ServeRow(jobs, tmp_path, "cpu", "", lambda go_on, refused: go_on())
    row.show()
    row.serve()
    qtbot.waitUntil(row.command.isVisible)
    row.deleteLater()
    qtbot.waitUntil(lambda: Double.open_count == 0)
    assert jobs.shut_down()


def test_a_failure_is_one_sentence(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise Unavailable("The model does not fit.")

    monkeypatch.setattr(serve_thread, "adapter_server", lambda *_, **__: fail)
    row = make_row(qtbot, tmp_path)
    row.serve()
    qtbot.waitUntil(row.result.isVisible)
    assert row.result.text() == "The model does not fit." and row.button.isVisible()


def test_nothing_is_served_that_is_not_allowed_or_not_possible(
    qtbot: QtBot, tmp_path: Path, asked: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = make_row(qtbot, tmp_path, allowed=False)
    row.button.click()
    assert not row.is_serving and not asked
    refused = make_row(qtbot, tmp_path, refusal="Its base is not here.")
    assert not refused.button.isEnabled() and refused.result.text() == "Not possible: Its base is not here."
    busy = make_row(qtbot, tmp_path)
    monkeypatch.setattr(busy._jobs, "current", object())
    busy.serve()
    assert not busy.is_serving
    monkeypatch.setattr(busy._jobs, "current", None)
