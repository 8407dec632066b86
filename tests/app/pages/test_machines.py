"""Settings, Machines: added by name, tested over ssh (a double of it), chosen for a run; and whether that pays."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from app.desktop import language, machines
from app.desktop.language import tr
from app.desktop.machines import Machine
from app.new_run import machines_row
from app.new_run.check import StepFacts
from app.new_run.machines_row import MachinesRow
from app.pages.machines import MachinesPage
from app.pages.machines import describe as describe_machine
from app.runs.metrics import select_charts
from app.runs.ranks import describe_ranks, rank_names
from app.shell.window import MainWindow
from app.threads.machine_calls import train_together, try_machine
from core.distributed import host_check
from core.distributed.machines import Machines
from core.errors import Unavailable
from core.options import describe
from core.run import Run
from tests import ssh_double


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(socket, "gethostbyname", lambda name: "127.0.0.1")
    return ssh_double.install(tmp_path / "ssh", monkeypatch)


@pytest.fixture
def german() -> Iterator[None]:
    language.use("de")
    yield
    language.use("en")


@pytest.fixture
def page(qtbot: QtBot) -> MachinesPage:
    page = MachinesPage("starter")
    qtbot.addWidget(page)
    return page


def test_a_machine_is_added_tested_and_its_link_measured(page: MachinesPage, qtbot: QtBot, asked: Path) -> None:
    page.field.setText("mini")
    page.add_button.click()
    assert machines.all_machines() == [Machine("mini")]
    (row,) = page.rows
    qtbot.waitUntil(lambda: row.machine.is_tested or bool(row.machine.problem), timeout=60_000)
    machine = machines.all_machines()[0]
    assert machine.problem == ""
    assert "has the model starter" in machine.facts and machine.latency_seconds > 0
    assert "The link sums" in row.state.text()
    assert asked.read_text() == "mini\n"  # and nothing else was asked
    qtbot.waitUntil(row.test_button.isEnabled)


def test_a_machine_that_cannot_be_reached(page: MachinesPage, qtbot: QtBot, asked: Path) -> None:
    page.field.setText(ssh_double.GONE)
    page.add()
    qtbot.waitUntil(lambda: bool(machines.all_machines()[0].problem), timeout=30_000)
    assert page.rows[0].state.text().startswith("gone cannot be reached: ssh: connect to host")


def test_what_is_wrong_with_a_machine_is_said_in_german(
    asked: Path, monkeypatch: pytest.MonkeyPatch, german: None
) -> None:
    machines.add("gone")
    (told,) = try_machine(ssh_double.GONE, "starter")
    machines.change("gone", problem=told.problem)  # which is kept, to be said in the language of the next start
    kept = machines.all_machines()[0]
    assert describe_machine(kept).startswith("gone ist nicht erreichbar: ssh: connect to host gone")
    language.use("en")
    assert describe_machine(kept).startswith("gone cannot be reached: ssh: connect to host gone")
    language.use("de")
    monkeypatch.setattr(host_check, "SSH", ("no-such-program",))
    (told,) = try_machine("mini", "starter")
    missing = "ssh kann nicht gestartet werden: Datei oder Ordner nicht gefunden."
    assert tr(told.problem) == missing


def test_a_machine_of_another_version_and_what_one_is_are_said_in_german(german: None) -> None:
    facts = host_check.HostFacts({"hone": "1.0", "mlx": "0.1"}, "macOS 15", "M4", None, 16_000_000_000, ())
    assert tr(facts.describe("starter")) == "M4 · macOS 15 · 16 GB · Hone 1.0 · hat das Modell starter"
    with pytest.raises(Unavailable) as raised:
        facts.require_versions("mini", {"hone": "1.0", "mlx": "0.2"})
    assert tr(str(raised.value)) == "mini hat mlx 0.1; dieser Computer hat etwas anderes."


@pytest.mark.parametrize("name", ["", "  ", "-oProxyCommand=x", "two words", "a,b"])
def test_what_is_no_name_is_marked(page: MachinesPage, name: str) -> None:
    page.field.setText(name)
    page.add()
    assert page.field.is_wrong and not machines.all_machines() and not page.rows


def test_each_control_changes_one_thing(qtbot: QtBot) -> None:
    for name in ("mini", "air"):
        assert machines.add(name)
    assert not machines.add("mini")
    page = MachinesPage("starter")
    qtbot.addWidget(page)
    page.rows[1].use.click()
    assert machines.all_machines() == [Machine("mini"), Machine("air", used=True)]
    page.rows[0].remove_button.click()
    assert machines.all_machines() == [Machine("air", used=True)]


def add_measured(name: str, speed: float) -> None:
    machines.add(name)
    machines.change(name, latency_seconds=0.001, bytes_per_second=speed)


def test_the_gain_is_told_before_a_run(qtbot: QtBot) -> None:
    row = MachinesRow()
    qtbot.addWidget(row)
    assert row.isHidden()
    add_measured("mini", 4e9)
    add_measured("air", 5e7)
    row.show_machines()
    assert not row.isHidden() and row.gain.text() == "This computer trains alone."
    row.boxes["mini"].click()
    assert [machine.name for machine in machines.used_machines()] == ["mini"]
    assert row.gain.text() == "Whether it pays is known once a step was measured."
    row.show_step(StepFacts(2.0, 8, 10_000_000))
    assert row.gain.text() == (
        "Two machines would be about 2.0 × as fast, if each is as fast as this one: a step takes 2 s here, to exchange "
        "its gradients of 40.0 MB 0.011 s."
    )
    row.boxes["air"].click()
    row.show_step(StepFacts(0.5, 8, 10_000_000))
    assert row.gain.text() == (
        "Three machines would take 2.0 × as long: to exchange the gradients of 40.0 MB takes 0.8 s, a step on this "
        "computer 0.5 s."
    )
    machines.change("air", bytes_per_second=0.0)
    row.show_machines()
    assert "once each machine was tested" in row.gain.text()


def test_a_run_goes_to_the_machines_that_are_chosen(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[tuple[str, ...], Machines]] = []

    def together(run: Run, names: list[str], how: Machines) -> object:
        started.append((tuple(names), how))
        return lambda stop, save_now: iter(())

    monkeypatch.setattr(window.runs, "train_together", together)
    monkeypatch.setattr(window.runs, "train_events", lambda run: together(run, [], Machines()))
    window.runs.start(Run())
    machines.add("mini")
    machines.change("mini", used=True)
    window.runs.start(Run())
    machines.change("mini", used=False)
    machines.set_option("ranks", 2)
    window.runs.start(Run())
    assert started == [((), Machines()), (("mini",), Machines()), ((), Machines(ranks=2))]


def test_the_window_offers_what_the_command_line_does(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines_row, "nvidia_gpus", lambda: ["0", "1"])
    row = MachinesRow()
    qtbot.addWidget(row)
    assert not row.isHidden() and set(row.lines) | {"hosts"} == {option.name for option in describe(Machines)}
    for name, typed in {"ranks": "2", "rank_timeout": "30"}.items():
        row.lines[name].field.control.selectAll()
        qtbot.keyClicks(row.lines[name].field.control, typed)
    assert machines.options() == Machines(ranks=2, rank_timeout=30.0)
    assert row.gain.text() == "2 processes share the run, 2 on each machine: one for each of its GPUs."
    row.lines["ranks"].reset.click()
    machines.set_option("hostfile", "/me/hosts.json")
    row.show_machines()
    assert row.gain.text() == "The machines of hosts.json share the run." and not machines.trains_alone()
    assert machines.options() == Machines(hostfile="/me/hosts.json", rank_timeout=30.0)


def test_the_machines_of_a_run_and_how_they_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Machines] = []
    monkeypatch.setattr("core.train.train_on", lambda run, machines, stop, save: asked.append(machines) or iter(()))
    monkeypatch.setattr(socket, "gethostbyname", lambda name: "127.0.0.1")
    for names, how in (
        (["mini"], Machines(ranks=2, rank_timeout=9.0)),
        (["mini"], Machines(hostfile="hosts.json")),
        ([], Machines(ranks=2)),
    ):
        train_together(Run(), names, how)(threading.Event(), threading.Event())
    assert asked == [
        Machines(hosts=("127.0.0.1", "mini"), ranks=2, rank_timeout=9.0),
        Machines(hostfile="hosts.json"),
        Machines(ranks=2),
    ]


def test_the_menu_opens_the_settings(window: MainWindow, qtbot: QtBot) -> None:
    actions = {a.text().replace("&", ""): a for menu in window.menuBar().actions() for a in menu.menu().actions()}
    actions["Settings…"].trigger()
    (settings,) = (dialog for dialog in window.findChildren(QDialog) if dialog.windowTitle() == "Settings")
    settings.close()


def test_speed_and_waiting_of_each_rank() -> None:
    metrics = {
        "rank_0_tokens_per_second": 1200.4, "rank_0_waiting": 0.02,
        "rank_1_tokens_per_second": 800.0, "rank_1_waiting": 0.256,
    }  # fmt: skip
    assert describe_ranks(metrics, {}) == (
        "Rank 0: 60% of the tokens, 1,200 tokens/s, waits 2% of the time · "
        "Rank 1: 40% of the tokens, 800 tokens/s, waits 26% of the time"
    )
    ranks = {"count": 2, "backend": "ring", "rows": 8, "ranks": [{"host": "127.0.0.1"}, {"host": "mini"}]}
    assert describe_ranks(metrics, ranks) == (
        "2 ranks over ring, 8 rows a step · This computer: 60% of the tokens, 1,200 tokens/s, waits 2% of the time · "
        "mini: 40% of the tokens, 800 tokens/s, waits 26% of the time"
    )
    assert describe_ranks(metrics, ranks | {"parted": True}).startswith(
        "2 ranks over ring, each with a part of the model · This computer: 100% of the tokens, 1,200 tokens/s"
    )
    assert describe_ranks({"accuracy": 1.0}, ranks) == describe_ranks({"accuracy": 1.0}, {}) == ""
    charts = {chart.key if hasattr(chart, "key") else chart.title: chart for chart in select_charts("sft", metrics)}
    assert {len(chart.metrics) for chart in charts.values()} == {2}
    named = select_charts("sft", metrics, ["This computer", "mini"])
    assert [[metric.legend for metric in chart.metrics] for chart in named] == [["This computer", "mini"]] * 2


def test_ranks_go_by_the_names_of_their_machines() -> None:
    def names(*hosts: str) -> list[str]:
        return rank_names({"ranks": [{"host": host} for host in hosts]})

    assert names("127.0.0.1", "me@mini.local") == ["This computer", "me@mini.local"]
    assert names("this machine", "this machine") == ["This computer (rank 0)", "This computer (rank 1)"]
    assert names(socket.gethostname(), "192.0.2.9") == ["This computer", "192.0.2.9"] and rank_names({}) == []


def test_the_loss_is_what_a_run_of_several_shows_first(qtbot: QtBot) -> None:
    from app.plots.panel import LOSS, ChartPanel
    from app.runs.record import RunRecord
    from app.runs.series import Series

    panel, record = ChartPanel(), RunRecord()
    qtbot.addWidget(panel)
    for name in ("rank_0_waiting", "rank_1_waiting"):
        record.metrics[name] = Series()
    panel.show_record(record)
    assert panel._current == LOSS and len(panel._specs) == 1
