"""The export target `ollama`: a model in Ollama, or the files and the command to make it there."""

import json
import re
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.chat import Chat
from core.data.tokenize.end_of_turn import find_end_of_turn
from core.data.tokenize.tokenizer import load_tokenizer
from core.errors import BadModel, BadOption, Unavailable
from core.events import Event, Phase, Saved, Warned
from core.export.gguf_file import KINDS, write_gguf
from core.export.gguf_tokenizer import adds_bos
from core.export.model_folder import free_folder, replacing_folder
from core.export.ollama_template import make_template
from core.export.programs import find_program
from core.export.request import ExportRequest, scratch_folder, whole_model
from core.text.sentence import say

ADDRESS = "http://127.0.0.1:11434"
QUESTION = "What is your name?"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_SECONDS = 120  # for the first answer: Ollama loads the model for it


def ollama_name(text: str) -> str:
    """A name that Ollama takes, from any text."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:80] or "hone"


def create_command(name: str, folder: Path) -> str:
    """What makes the model of an exported folder in Ollama, to be typed in a terminal."""
    return f"ollama create {name} -f {shlex.quote(str(folder / 'Modelfile'))}"


def export_ollama(request: ExportRequest) -> Iterator[Event]:
    """Write a folder with a GGUF file and a Modelfile, and make the model in Ollama where that is on this computer.

    `settings` may hold "name", what it is called there, and "system", its system message. The model is then asked one
    question, and the answer is compared with Hone's. Yields Saved with the folder at the end. Raises UserError.
    """
    name = str(request.settings.get("name") or ollama_name(request.name))
    if not _NAME.fullmatch(name):
        raise BadOption(
            say("Ollama takes no name like {name!r}: letters in lower case, digits, points and dashes.", name=name[:40])
        )
    target = free_folder(request.output or f"{request.name}-ollama")
    program, form = find_program("ollama"), request.form or "f16"
    with scratch_folder(target.parent) as scratch:
        folder = yield from whole_model(request, scratch)
        with replacing_folder(target) as partial:
            yield from write_gguf(folder, partial / "model.gguf", form, name=request.name)
            modelfile, note = make_modelfile(folder, str(request.settings.get("system") or ""))
            (partial / "Modelfile").write_text(modelfile, encoding="utf-8")
        if note:
            yield Warned("ollama", note)
        if program is None:
            yield Warned(
                "ollama-missing",
                say("Ollama is not on this computer. Where it is: {command}", command=create_command(name, target)),
            )
        else:
            yield Phase("Making it in Ollama", name)
            _create(program, name, target)
            yield _compare(name, folder, request)
    yield Saved(0, str(target), "model")


def make_modelfile(folder: Path, system: str = "") -> tuple[str, str]:
    """(the Modelfile for a model folder, a sentence on what it cannot say or "")."""
    tokenizer = load_tokenizer(folder)
    template = make_template(tokenizer, tokenizer.bos_token if adds_bos(tokenizer) else "")
    lines, note = ["FROM ./model.gguf"], ""
    if template is None:
        note = say(
            "Ollama has no form for this model's chat template; it takes the nearest that it knows, and "
            "answers may differ from Hone's."
        )
    else:
        lines.append(f"TEMPLATE {_quote(template.to_go())}")
        if template.system is None:
            note = say("The model's chat template has no place for a system message of its own: Ollama's is left out.")
    stops = find_end_of_turn(tokenizer).stops
    lines += [f"PARAMETER stop {json.dumps(tokenizer.convert_ids_to_tokens(id), ensure_ascii=False)}" for id in stops]
    if system and (template is None or template.system is not None):
        lines.append(f"SYSTEM {_quote(system)}")
    return "\n".join(lines) + "\n", note


def _quote(text: str) -> str:
    if '"""' in text:
        raise BadModel(say('Ollama\'s Modelfile has no form for a text with """ in it.'))
    return f'"""{text}"""'


def _create(program: str, name: str, folder: Path) -> None:
    done = subprocess.run(
        [program, "create", name, "-f", str(folder / "Modelfile")],
        capture_output=True, text=True, errors="replace", cwd=folder,
    )  # fmt: skip
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        reason = lines[-1][:300] if lines else say("it ended with exit code {code}", code=done.returncode)
        raise Unavailable(
            say("Ollama did not take the model: {reason}. Its files lie in {folder}.", reason=reason, folder=folder)
        )


def _compare(name: str, folder: Path, request: ExportRequest) -> Warned:
    """Ask Ollama and Hone the same question, without chance, and say whether they answer alike."""
    mine = "".join(
        Chat(str(folder), backend_name=request.backend_name, allow_code=request.allow_code).answer(
            [{"role": "user", "content": QUESTION}], max_tokens=40
        )
    ).strip()
    try:
        theirs = _ask(name).strip()
    except (OSError, ValueError, KeyError) as error:
        return Warned(
            "ollama",
            say(
                "Ollama has the model as {name}, but did not answer ({reason}): try it yourself.",
                name=name,
                reason=error,
            ),
        )
    if theirs == mine:
        return Warned(
            "checked", say("Ollama has it as {name}, and answers as Hone does: {own!r}.", name=name, own=mine[:80])
        )
    return Warned(
        "ollama",
        say(
            "Ollama has it as {name}. Asked {question!r}, it says {theirs!r}, and Hone {own!r}.",
            name=name,
            question=QUESTION,
            theirs=theirs[:80],
            own=mine[:80],
        ),
    )


def _ask(name: str) -> str:
    """Ollama's greedy answer to QUESTION."""
    body: dict[str, Any] = {
        "model": name, "stream": False, "messages": [{"role": "user", "content": QUESTION}],
        "options": {"temperature": 0, "num_predict": 40},
    }  # fmt: skip
    request = urllib.request.Request(
        f"{ADDRESS}/api/chat", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:
        return str(json.load(response)["message"]["content"])


FORMS = tuple(KINDS)
