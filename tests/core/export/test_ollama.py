"""Ollama: its template says what the model's own does, or is not written; the model is made and asked."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from core.data.tokenize.render import render_with_fallbacks
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadOption, Unavailable
from core.events import Saved, Warned
from core.export import programs, to_ollama
from core.export.ollama_template import PROBES, evaluate, make_template
from core.export.request import ExportRequest
from core.export.targets import export
from core.resources import STARTER
from tests.core.conftest import only
from tests.exports.families import write_sample

LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}"
    "<|eot_id|>{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
DEFAULT_SYSTEM = (
    "{% if messages[0].role != 'system' %}<s>system\nYou are Q.</s>\n{% endif %}{% for m in messages %}<s>"
    "{{ m.role }}\n{{ m.content }}</s>\n{% endfor %}{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
MISTRAL = (
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% elif m.role == 'assistant' %} "
    "{{ m.content }}</s>{% else %}{{ raise_exception('no system') }}{% endif %}{% endfor %}"
)
COUNTED = "{% for m in messages %}{{ loop.index }}:{{ m.role }}:{{ m.content }}\n{% endfor %}{{ messages | length }}"
BRACES = "{% for m in messages %}{{ '{{' }}{{ m.role }}{{ '}}' }}{{ m.content }}#{% endfor %}{{ '{{assistant}}' }}"


@pytest.fixture
def tokenizer() -> Any:
    return load_tokenizer(STARTER)


def with_template(tokenizer: Any, template: str) -> Any:
    tokenizer.chat_template = template
    return tokenizer


@pytest.mark.parametrize("template", ["own", LLAMA3, DEFAULT_SYSTEM, BRACES], ids=["own", "llama3", "system", "braces"])
def test_the_template_says_what_the_models_own_says(template: str, tokenizer: Any) -> None:
    if template != "own":
        with_template(tokenizer, template)
    found = make_template(tokenizer)
    assert found is not None and found.system is not None
    for probe in PROBES:
        assert evaluate(found.to_go(), probe) == render_with_fallbacks(probe, (), tokenizer, True).text


def test_the_starters_template(tokenizer: Any) -> None:
    found = make_template(tokenizer)
    assert found is not None
    assert found.user == ("<|im_start|>user\n", "<|im_end|>\n") and found.answer == "<|im_start|>assistant\n"
    assert found.to_go().startswith("{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ else }}")


def test_the_first_token_is_left_to_ollama(tokenizer: Any) -> None:
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    found = make_template(with_template(tokenizer, LLAMA3), "<s>")
    assert found is not None and not found.to_go().startswith("<s>") and found.opening == ""


def test_a_template_without_a_place_for_a_system_message(tokenizer: Any) -> None:
    found = make_template(with_template(tokenizer, MISTRAL))
    assert found is not None and found.system is None and ".System" not in found.to_go()


def test_a_template_that_has_no_such_form_is_not_written(tokenizer: Any) -> None:
    assert make_template(with_template(tokenizer, COUNTED)) is None


class Ollama(BaseHTTPRequestHandler):
    """Ollama's server, which gives one answer."""

    answer = ""
    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        body = json.dumps({"message": {"content": self.answer}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch):
    """A double of Ollama's server on loopback."""
    Ollama.asked = []
    http = HTTPServer(("127.0.0.1", 0), Ollama)
    Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(to_ollama, "ADDRESS", f"http://127.0.0.1:{http.server_port}")
    yield Ollama
    http.shutdown()
    http.server_close()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A double of the command `ollama`, which writes down what it was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    file = folder / "ollama"
    file.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncp "$4" {tmp_path}/Modelfile\n')
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return file


def test_without_ollama_the_command_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_PLACES", ())
    monkeypatch.setattr(programs, "_BUNDLES", {})
    monkeypatch.setenv("PATH", str(tmp_path))
    events = list(export(ExportRequest(str(STARTER), str(tmp_path / "out")), "ollama"))
    (note,) = only(Warned, events)
    assert note.message == (
        f"Ollama is not on this computer. Where it is: ollama create starter -f {tmp_path / 'out' / 'Modelfile'}"
    )
    assert only(Saved, events)[0].path == str(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["Modelfile", "model.gguf"]


def test_a_model_is_made_and_its_answer_compared(tmp_path: Path, server: type[Ollama], program: Path) -> None:
    server.answer = "I am somebody else."
    settings = {"name": "my-bot", "system": "Be brief."}
    events = list(export(ExportRequest(str(STARTER), str(tmp_path / "out"), settings=settings), "ollama"))
    assert (tmp_path / "asked").read_text().startswith("create my-bot -f ")
    modelfile = (tmp_path / "Modelfile").read_text()
    assert modelfile.startswith("FROM ./model.gguf\nTEMPLATE ") and 'PARAMETER stop "<|im_end|>"' in modelfile
    assert 'SYSTEM """Be brief."""' in modelfile
    assert server.asked[0]["model"] == "my-bot" and server.asked[0]["options"]["temperature"] == 0
    (note,) = only(Warned, events)
    assert "it says 'I am somebody else.', and Hone " in note.message


def test_the_same_answer_is_said_to_be_the_same(tmp_path: Path, server: type[Ollama], program: Path) -> None:
    from core.chat import Chat

    question = [{"role": "user", "content": to_ollama.QUESTION}]
    server.answer = "".join(Chat(str(STARTER)).answer(question, max_tokens=40))
    events = list(export(ExportRequest(str(STARTER), str(tmp_path / "out")), "ollama"))
    assert only(Warned, events)[0].message.startswith("Ollama has it as starter, and answers as Hone does: ")


def test_a_model_that_ollama_refuses(tmp_path: Path, program: Path) -> None:
    program.write_text("#!/bin/sh\necho 'Error: unsupported architecture' >&2\nexit 1\n")
    with pytest.raises(Unavailable, match="did not take the model: Error: unsupported architecture"):
        list(export(ExportRequest(str(write_sample(tmp_path / "small", "qwen 3")), str(tmp_path / "out")), "ollama"))


def test_names() -> None:
    assert to_ollama.ollama_name("My Run (2) – Ä") == "my-run-2" and to_ollama.ollama_name("äö") == "hone"
    with pytest.raises(BadOption, match="takes no name like 'My Bot'"):
        list(export(ExportRequest(str(STARTER), "out", settings={"name": "My Bot"}), "ollama"))
