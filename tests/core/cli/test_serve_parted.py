"""hone serve with a model that is parted over two processes: the answers of the whole one, and one end for all."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from core.__main__ import main
from core.serve import Server
from tests.core.distributed.test_lost_parts import end, ending, wait_for
from tests.core.distributed.test_lost_parts import start as start_ranks
from tests.core.model import zoo
from tests.core.test_signals import start

RANKS = ["--ranks", "2", "--distributed-backend", "ring", "--sharding"]
QUESTION = {"messages": [{"role": "user", "content": "Hello"}], "temperature": 0}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoo.write(tmp_path_factory.mktemp("parted") / "qwen2", "qwen2")


@pytest.fixture(scope="module", params=["tensor", pytest.param("pipeline", marks=pytest.mark.slow)])
def url(model: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    process = start("serve", str(model), "--port", "0", "--backend", "cpu", "--json", *RANKS, request.param)
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline() or "{}")
        assert told["name"] == "qwen2" and told["notes"][0].startswith("The model is parted by"), told
        yield told["url"]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (130, "hone: Ended by Ctrl-C.\n")
    finally:
        process.kill()
        process.communicate()


def ask(url: str, **changes: Any) -> str:
    body = json.dumps(QUESTION | {"max_tokens": 10} | changes).encode()
    with urlopen(Request(f"{url}/chat/completions", body), timeout=60) as response:
        return str(json.loads(response.read())["choices"][0]["message"]["content"])


def test_a_killed_rank_ends_the_server(model: Path, tmp_path: Path) -> None:
    ranks = start_ranks(tmp_path, ["serve", str(model), "--port", "0"])
    try:
        wait_for(ranks[0], b"answers at")
        ranks[1].kill()
        assert ending(ranks[0]).startswith("hone: mini (rank 1) has ended unexpectedly.")
    finally:
        end(ranks)


@pytest.mark.slow
def test_a_port_that_is_taken_ends_all_ranks(model: Path, tmp_path: Path) -> None:
    with Server(model, port=0, backend_name="cpu") as other:
        ranks = start_ranks(tmp_path, ["serve", str(model), "--port", str(other.port)])
        try:
            assert ending(ranks[0]).endswith("choose another with --port.")
            assert ranks[1].wait(60) == 2
        finally:
            end(ranks)


def test_the_first_machine_has_to_be_this_one(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **options: sys.exit("a process was started"))
    assert main(["serve", str(model), "--hosts", "203.0.113.7,127.0.0.1"]) == 2
    assert "and the first one named is 203.0.113.7: name this one first." in capsys.readouterr().err


# These last: the ranks of `url` wait for one another in a busy loop for as long as they live.


def test_answers_are_those_of_the_whole_model(url: str, model: Path) -> None:
    requests: list[dict[str, Any]] = [{}, {"seed": 3}, {"logit_bias": {"40": 100.0}}]
    with Server(model, port=0, backend_name="cpu") as whole:
        expected = [ask(whole.url, **changes) for changes in requests]
    assert [ask(url, **changes) for changes in requests] == expected
    assert expected[2] not in expected[:2]
    assert ask(url, temperature=1.0)


def test_an_answer_that_nobody_reads_ends_on_all_ranks(url: str) -> None:
    place = urlsplit(url)
    connection = HTTPConnection(str(place.hostname), place.port, timeout=60)
    # With a seed of its own an answer is written alone: the next one waits for its end.
    endless = QUESTION | {"seed": 1, "temperature": 1.0, "max_tokens": 10**6, "stream": True, "logit_bias": {"1": -100}}
    connection.request("POST", f"{place.path}/chat/completions", json.dumps(endless))
    response = connection.getresponse()
    assert any(b"data" in response.readline() for _ in range(100))  # behind the progress of the prompt
    connection.close()
    assert ask(url, seed=2)
