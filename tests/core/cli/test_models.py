"""hone models and hone download."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.__main__ import main
from core.model import download
from core.model.hub import locate
from tests.hub_double import HubDouble, connect, model_repository, serve


@pytest.fixture
def hub(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    monkeypatch.setattr(download, "find_token", lambda: None)
    tiny = model_repository(model_folder)
    tiny.files["README.md"] = b"---\nlicense: mit\n---\n"
    with serve({"team/tiny": tiny}) as server:
        connect(monkeypatch, server.url, tmp_path / "cache")
        yield server


def test_a_download_is_listed_with_its_licence(
    hub: HubDouble, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models"]) == 0
    assert "There is no model on this machine yet" in capsys.readouterr().out
    assert main(["download", "team/tiny"]) == 0
    out = capsys.readouterr().out
    assert "(100%)" in out and f"team/tiny is in {locate('team/tiny')}" in out
    assert main(["models", str(model_folder)]) == 0
    first, second = (line for line in capsys.readouterr().out.splitlines() if not line.startswith(" "))
    assert first.startswith("team/tiny: ") and first.endswith("mit, Hugging Face")
    assert second.startswith(f"{model_folder}: ") and second.endswith("folder")
    assert main(["models", "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert (model["path"], model["license"], model["place"]) == ("team/tiny", "mit", "Hugging Face")


def test_broken_folders_and_names_are_one_sentence(
    hub: HubDouble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert main(["models", str(tmp_path)]) == 0
    assert "is not complete: model.safetensors is missing." in capsys.readouterr().out
    assert main(["download", "team/none"]) == 2
    assert "named team/none" in capsys.readouterr().err
