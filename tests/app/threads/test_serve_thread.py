"""ServeThread: the URL once programs are answered, an error as its sentence, and nothing left after close()."""

import weakref
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.threads.serve_thread import ServeThread, adapter_server
from core.errors import Unavailable


class Model:
    pass


class Double:
    """In place of core.serve.Server."""

    notes, url = ["The base is packed as nf4, as in training."], "http://127.0.0.1:9/v1"

    def __init__(self) -> None:
        self.stopped = False

    def __enter__(self) -> "Double":
        self.model = Model()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopped = True


def test_it_serves_until_it_is_closed_and_frees_the_model(qtbot: QtBot) -> None:
    servers: list[weakref.ref[Double]] = []
    models: list[weakref.ref[Model]] = []

    class Kept(Double):
        def __enter__(self) -> "Double":
            super().__enter__()
            servers.append(weakref.ref(self))
            models.append(weakref.ref(self.model))
            return self

    thread = ServeThread(Kept)
    notes: list[str] = []
    thread.noted.connect(notes.append)
    with qtbot.waitSignal(thread.serving) as serving:
        thread.start()
    assert serving.args == [thread.url] == ["http://127.0.0.1:9/v1"]
    assert notes == Double.notes
    server = servers[0]()
    assert server is not None and not server.stopped and thread.isRunning()
    with qtbot.waitSignal(thread.finished):
        thread.close()
    assert server.stopped and thread.url == ""
    del server
    assert servers[0]() is None and models[0]() is None


def test_a_taken_port_is_one_sentence(qtbot: QtBot) -> None:
    class Refused(Double):
        def __enter__(self) -> Double:
            raise Unavailable("Port 8080 is taken by another program; choose another with --port.")

    thread = ServeThread(Refused)
    with qtbot.waitSignal(thread.failed) as failed, qtbot.assertNotEmitted(thread.crashed):
        thread.start()
    qtbot.waitUntil(thread.isFinished)
    assert failed.args == ["Port 8080 is taken by another program; choose another with --port."]
    assert thread.url == ""


def test_closed_before_it_was_ready_it_serves_nothing(qtbot: QtBot) -> None:
    thread = ServeThread(Double)
    thread.close()
    with qtbot.waitSignal(thread.finished), qtbot.assertNotEmitted(thread.serving):
        thread.start()


def test_the_server_of_a_run_takes_a_free_port(tmp_path: Path) -> None:
    assert adapter_server(str(tmp_path))().port == 0
    assert adapter_server(str(tmp_path), port=8123)().port == 8123
