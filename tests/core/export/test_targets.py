"""The list of targets: one for the command line and the library, each refused in one sentence where it cannot be."""

import json
from pathlib import Path

import pytest

from core.adapters import CONFIG
from core.cli import export as cli
from core.errors import BadModel, BadOption
from core.events import Saved
from core.export import to_lmstudio
from core.export.request import ExportRequest
from core.export.targets import TARGETS, export
from core.resources import STARTER
from core.run import Adapter
from tests.core.conftest import only
from tests.core.export.test_export import adapted


def test_the_command_line_has_every_target() -> None:
    assert set(cli.TARGETS) == set(TARGETS)


@pytest.mark.parametrize(
    ("target", "request_", "reason"),
    [
        ("floppy", ExportRequest("x"), "There is no target 'floppy'"),
        ("gguf", ExportRequest("x", form="q9"), "has no form 'q9'; it has f16"),
        ("peft", ExportRequest(str(STARTER), "out"), "An adapter for PEFT is made of an adapter, and .* is none"),
        ("peft", ExportRequest("nowhere", "out"), "There is no folder nowhere."),
        ("model", ExportRequest("nowhere", "out"), "There is no folder nowhere, and"),
        ("lmstudio", ExportRequest("nowhere"), "There is no folder nowhere, and"),
        ("hub", ExportRequest(str(STARTER)), "The Hugging Face Hub needs --output: where to write."),
        ("model", ExportRequest(str(STARTER), "out"), "is a whole model already"),
        ("lmstudio", ExportRequest(str(STARTER)), "is a whole model already"),
    ],
)
def test_what_cannot_be_asked(
    target: str, request_: ExportRequest, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_lmstudio, "_FOLDERS", (str(tmp_path / "models"),))
    with pytest.raises((BadOption, BadModel), match=reason):
        list(export(request_, target))
    assert not (tmp_path / "models").exists()


def test_packed_weights_are_not_exported_as_gguf(model_folder: Path, tmp_path: Path) -> None:
    from core.export import quantize

    list(quantize(str(model_folder), tmp_path / "packed", "affine-4"))
    with pytest.raises(BadModel, match="holds packed weights"):
        list(export(ExportRequest(str(tmp_path / "packed"), str(tmp_path)), "gguf"))


def test_lm_studio_gets_a_folder_of_its_own(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(to_lmstudio, "_SETTINGS", (str(tmp_path / "settings.json"),))
    monkeypatch.setattr(to_lmstudio, "_FOLDERS", (str(tmp_path / "old"), str(tmp_path / "older")))
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    (tmp_path / "settings.json").write_text(json.dumps({"downloadsFolder": str(chosen)}))
    adapter = adapted(model_folder, Adapter(rank=4), tmp_path / "my-run")
    for name in ("my-run", "my-run-2"):  # a name that is there already is not overwritten
        events = list(export(ExportRequest(str(adapter)), "lmstudio"))
        assert only(Saved, events)[0].path == str(chosen / "hone" / name)
        assert (chosen / "hone" / name / "model.safetensors").is_file()
    (tmp_path / "settings.json").write_text("{")
    assert to_lmstudio.models_folder() == tmp_path / "old"


@pytest.mark.parametrize("target", ["model", "peft"])
def test_a_folder_has_a_usual_place(
    target: str, model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = adapted(model_folder, Adapter(rank=4), tmp_path / "my-run")
    monkeypatch.chdir(tmp_path)
    events = list(export(ExportRequest(str(adapter)), target))
    assert Path(only(Saved, events)[-1].path).name == f"my-run-{target}"
    assert any((tmp_path / f"my-run-{target}").glob("*.safetensors"))


def test_an_adapter_of_mlx_lm_goes_to_gguf(tmp_path: Path) -> None:
    """An adapter that was not trained here, over the starter."""
    adapter = adapted(STARTER, Adapter(rank=4), tmp_path / "foreign")
    (adapter / "logits.safetensors").unlink()
    config = json.loads((adapter / CONFIG).read_text())
    kept = {key: config[key] for key in ("fine_tune_type", "num_layers", "lora_parameters", "model") if key in config}
    (adapter / CONFIG).write_text(json.dumps(kept))
    # On the CPU in float32: so large an adapter would differ by more in 16 bit than a fused model may.
    request = ExportRequest(str(adapter), str(tmp_path / "m.gguf"), model=str(STARTER), backend_name="cpu")
    events = list(export(request, "gguf"))
    assert only(Saved, events)[0].path == str(tmp_path / "m.gguf") and (tmp_path / "m.gguf").stat().st_size > 1 << 20
