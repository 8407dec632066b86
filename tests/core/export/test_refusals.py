"""What cannot be exported is known from the configs, before anything is loaded, and export() refuses it too."""

import json
from pathlib import Path

import pytest

from core.adapters import CONFIG
from core.errors import BadModel
from core.export import refusals, to_gguf
from core.export.refusals import find_form_refusal, find_refusal
from core.export.request import ExportRequest
from core.export.targets import TARGETS, export
from core.resources import STARTER
from core.run import Adapter
from tests.core.export.test_export import adapted


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return adapted(STARTER, Adapter(rank=4), tmp_path / "mine")


def name_base(adapter: Path, base: str | None, **changes: object) -> ExportRequest:
    saved = json.loads((adapter / CONFIG).read_text()) | changes | {"model": base}
    (adapter / CONFIG).write_text(json.dumps(saved))
    return ExportRequest(str(adapter), str(adapter.parent / "out"))


def test_nothing_speaks_against_an_adapter_of_the_starter(adapter: Path) -> None:
    request = ExportRequest(str(adapter))
    assert {target: find_refusal(request, target) for target in TARGETS} == dict.fromkeys(TARGETS, "")


def test_a_family_that_was_not_compared_is_no_gguf(adapter: Path, tmp_path: Path) -> None:
    config = json.loads((STARTER / "config.json").read_text()) | {"model_type": "mamba"}
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text(json.dumps(config))
    request = name_base(adapter, str(tmp_path / "base"))
    for target in ("gguf", "ollama"):
        assert find_refusal(request, target).startswith("GGUF is not written for the architecture mamba")
    assert not find_refusal(request, "model") and not find_refusal(request, "peft")


def test_full_training_leaves_no_adapter(adapter: Path) -> None:
    request = name_base(adapter, str(STARTER), fine_tune_type="full")
    assert "there is no adapter" in find_refusal(request, "peft")
    assert not find_refusal(request, "model")
    with pytest.raises(BadModel, match="fully trained"):
        list(export(request, "peft"))


@pytest.mark.parametrize(
    ("base", "reason"),
    [(None, "does not name the model"), ("maker/elsewhere", "Its base maker/elsewhere is not on this computer")],
)
def test_a_base_that_is_not_here(adapter: Path, base: str | None, reason: str) -> None:
    request = name_base(adapter, base)
    assert reason in find_refusal(request, "model") and reason in find_refusal(request, "gguf")
    with pytest.raises(BadModel):
        list(export(request, "model"))


def test_packed_and_whole_models(tmp_path: Path) -> None:
    config = json.loads((STARTER / "config.json").read_text()) | {"quantization": {"bits": 4}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    request = ExportRequest(str(tmp_path))
    assert find_refusal(request, "gguf").startswith("Its weights are packed")
    assert find_refusal(request, "peft") == "It is a whole model, and no adapter."


def test_k_quants_need_llama_cpp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "find_program", lambda name: None)
    assert "llama-quantize" in find_form_refusal("q4_k_m") and not find_form_refusal("f16")
    monkeypatch.setattr(refusals, "find_program", lambda name: "/usr/bin/llama-quantize")
    assert not find_form_refusal(to_gguf.K_QUANTS[0])
