"""Exports as the window asks for them: a folder with spaces, and the command that is left where Ollama is missing."""

import shlex
from pathlib import Path

import pytest

from app.threads import export_calls
from app.threads.export_calls import Command, ExportJob
from core.events import Saved, Warned
from core.export import programs, to_ollama
from core.resources import STARTER
from core.run import Adapter
from tests.core.export.test_export import adapted


def test_without_ollama_the_command_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (programs, to_ollama):
        monkeypatch.setattr(module, "find_program", lambda name: None)
    adapter, out = adapted(STARTER, Adapter(rank=4), tmp_path / "My Run"), tmp_path / "for ollama"
    job = ExportJob(adapter, "ollama", str(out), "q8_0", "cpu", "tutor", "Be brief.")
    *_, saved, command = export_calls.export(job)
    assert isinstance(saved, Saved) and saved.path == str(out)
    assert isinstance(command, Command)
    assert shlex.split(command.text) == ["ollama", "create", "tutor", "-f", str(out / "Modelfile")]
    assert "Be brief." in (out / "Modelfile").read_text() and (out / "model.gguf").is_file()


def test_with_ollama_nothing_is_left_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.export import targets

    monkeypatch.setattr(programs, "find_program", lambda name: "/usr/bin/ollama")
    events = [Warned("checked", "It answers alike."), Saved(0, str(tmp_path), "model")]
    monkeypatch.setattr(targets, "export", lambda request, target: iter(events))
    assert list(export_calls.export(ExportJob(tmp_path, "ollama"))) == events


def test_what_a_result_can_become(tmp_path: Path) -> None:
    adapter = adapted(STARTER, Adapter(rank=4), tmp_path / "My Run")
    source = export_calls.inspect_source(adapter)
    assert source.base == str(STARTER)
    by_target = {choice.target: choice for choice in source.choices}
    assert by_target["ollama"].name == "my-run" and not by_target["peft"].forms
    assert [form.name for form in by_target["gguf"].forms][:3] == ["f16", "bf16", "q8_0"]
