"""The server: real requests on loopback get the answers of Hone's chat, of the one model and of no other."""

import gc
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import mlx.core as mx
import pytest

from core import adapters
from core.chat import Chat
from core.errors import BadModel, BadOption, Unavailable
from core.serve import Server
from tests.core.conftest import TEMPLATE
from tests.core.test_chat import write_adapter

QUESTION = [{"role": "user", "content": "the user asks"}]


@pytest.fixture(scope="module")
def adapter(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_adapter(tmp_path_factory.mktemp("adapters") / "my-run", model_folder, 1)
    (folder / "chat_template.jinja").write_text(TEMPLATE.replace("assistant\n{% endif", "assistant\nNow:{% endif"))
    return folder


@pytest.fixture(scope="module")
def server(adapter: Path) -> Iterator[Server]:
    with Server(adapter, port=0, backend_name="cpu") as server:
        yield server


def send(server: Server, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
    """(status, text) of a request."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(server.url + path, data, headers), timeout=60) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def chat(server: Server, **changes: Any) -> tuple[int, str]:
    return send(server, "/chat/completions", {"messages": QUESTION, "max_tokens": 12, "temperature": 0, **changes})


def test_answers_are_those_of_hones_chat(server: Server, adapter: Path, model_folder: Path) -> None:
    expected = "".join(Chat(str(model_folder), adapter, backend_name="cpu").answer(QUESTION, max_tokens=40))
    status, text = chat(server, model="my-run", max_tokens=40)
    answer = json.loads(text)
    assert status == 200 and answer["model"] == "my-run"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": expected}
    status, text = chat(server, stream=True, max_tokens=40)  # no model named
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    pieces = [json.loads(line)["choices"][0]["delta"].get("content", "") for line in lines]
    assert len(pieces) > 2 and "".join(pieces) == expected


def test_the_prompt_is_hones(server: Server, adapter: Path, model_folder: Path) -> None:
    _, text = chat(server)
    own = Chat(str(model_folder), adapter, backend_name="cpu")
    rendered = own.tokenizer.apply_chat_template(QUESTION, tokenize=False, add_generation_prompt=True)
    assert rendered.endswith("Now:")
    assert json.loads(text)["usage"]["prompt_tokens"] == len(own.tokenizer.encode(rendered))


@pytest.mark.parametrize(
    ("wish", "status", "word"),
    [
        ({"model": "mlx-community/Other-4bit"}, 404, "loads no other"),
        ({"model": "/home"}, 404, "loads no other"),
        ({"adapters": "/home"}, 404, "loads no other"),
        ({"draft_model": "mlx-community/Other-4bit"}, 404, "loads no other"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "http://127.0.0.1:9/a"}]}]},
            400,
            "no images",
        ),
    ],
)
def test_a_request_loads_and_downloads_nothing(server: Server, wish: dict[str, Any], status: int, word: str) -> None:
    found, text = chat(server, **wish)
    assert found == status and word in json.loads(text)["error"]
    assert chat(server)[0] == 200


@pytest.mark.parametrize("messages", ["hello", [], ["hello"], [{"content": "hello"}], None, {"role": "user"}])
def test_what_is_no_conversation_is_refused_in_a_sentence(server: Server, messages: Any) -> None:
    status, text = chat(server, messages=messages)
    assert (status, json.loads(text)["error"]) == (
        400,
        "The request needs messages: a list of objects, each with a role and content.",
    )


def test_the_list_has_the_one_model(server: Server) -> None:
    status, text = send(server, "/models")
    assert status == 200 and [model["id"] for model in json.loads(text)["data"]] == ["my-run"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://example.com"}, 403),
        ({"Host": "example.com"}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
def test_pages_of_the_internet_are_refused(server: Server, headers: dict[str, str], status: int) -> None:
    assert send(server, "/models", **headers)[0] == status
    body = {"messages": QUESTION, "max_tokens": 1}
    assert send(server, "/chat/completions", body, **headers)[0] == status


def test_a_spelled_out_end_ends_the_answer(model_folder: Path, tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% if m.role != 'user' %}END{% endif %}{% endfor %}"
    )
    folder = write_adapter(tmp_path / "other", model_folder, 1)
    (folder / "chat_template.jinja").write_text(template)
    whole = "".join(Chat(str(model_folder), folder, backend_name="cpu").answer(QUESTION, max_tokens=40))
    end = next(piece for piece in whole[8:] if piece.isascii() and piece.isalpha())  # as if this ended a turn
    (folder / "chat_template.jinja").write_text(template.replace("END", end))
    with Server(folder, port=0, backend_name="cpu") as server:
        _, text = chat(server, max_tokens=40)
    assert json.loads(text)["choices"][0]["message"]["content"] == whole.partition(end)[0] != whole


def test_stopping_frees_the_model_and_the_port(adapter: Path) -> None:
    gc.collect()
    before, threads = mx.get_active_memory(), threading.active_count()
    server = Server(adapter, port=0, backend_name="cpu").start()
    assert mx.get_active_memory() > before
    assert chat(server)[0] == 200
    server.stop()
    gc.collect()
    assert mx.get_active_memory() <= before
    assert threading.active_count() == threads
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_a_taken_port_is_told(adapter: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"^Port {port} is taken by another program; choose another"):
            Server(adapter, port=port, backend_name="cpu").start()


def test_what_cannot_be_loaded_is_told_and_leaves_nothing(adapter: Path, model_folder: Path, tmp_path: Path) -> None:
    threads = threading.active_count()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / adapters.CONFIG).write_text(json.dumps({"model": str(model_folder)}))
    with pytest.raises(BadModel, match=r"adapters\.safetensors is missing"):
        Server(broken, port=0, backend_name="cpu").start()
    (broken / adapters.CONFIG).write_text("{}")
    with pytest.raises(BadModel, match="does not name its base"):
        Server(broken, port=0, backend_name="cpu").start()
    with pytest.raises(BadOption, match="no port"):
        Server(adapter, port=70000)
    with pytest.raises(BadOption, match="is no adapter"):
        Server(model_folder, model="starter")
    assert threading.active_count() == threads


def test_only_another_host_has_a_warning(adapter: Path) -> None:
    assert Server(adapter).notes == []
    (warning,) = Server(adapter, host="0.0.0.0").notes
    assert "no password" in warning
    assert Server(adapter, host="::1").url == "http://[::1]:8080/v1"


def test_the_starter_answers_as_in_hones_chat() -> None:
    question = [{"role": "user", "content": "Where is your office?"}]
    expected = "".join(Chat("starter", backend_name="cpu").answer(question, max_tokens=24)).strip()
    with Server("starter", port=0, backend_name="cpu") as server:
        _, text = chat(server, messages=question, max_tokens=24)
    assert server.name == "starter" and expected
    assert json.loads(text)["choices"][0]["message"]["content"].strip() == expected
