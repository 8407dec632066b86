"""The export to the Hub, against its double with the real client: what is uploaded, what the card says, what stays."""

import json
from pathlib import Path

import mlx.core as mx
import pytest

from core.errors import BadModel, BadOption, Unavailable
from core.events import Saved
from core.export.request import ExportRequest
from core.export.targets import export
from core.export.to_hub import check_no_paths
from core.run import Run
from core.train import train
from tests.core.conftest import write_model, write_rows
from tests.core.export.test_hub_upload import hub  # noqa: F401
from tests.hub_double import HubDouble

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the Hub's own client
NAME = "somebody/tiny-tuned"


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run over a base that lies in a cache of the Hub, with data of a telling name."""
    place = tmp_path_factory.mktemp("hub")
    base = write_model(place / "models--qwen--tiny" / "snapshots" / "abc", tie_word_embeddings=False)
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n")
    (base / "notes.txt").write_text("private")
    values = {
        "output": str(place / "my-run"),
        "model": {"path": str(base)},
        "data": {"path": str(write_rows(place / "secret-letters.jsonl"))},
        "adapter": {"rank": 4},
        "train": {"steps": 2, "batch_size": 4, "eval_every": 1, "samples": 0},
    }
    list(train(Run.from_dict(values)))
    return place / "my-run"


def upload(run: Path, hub: HubDouble, form: str = "", **settings: bool) -> dict[str, bytes]:  # noqa: F811
    events = list(export(ExportRequest(str(run), NAME, form, backend_name="cpu", settings=settings), "hub"))
    saved = events[-1]
    assert isinstance(saved, Saved) and (saved.path, saved.what) == (f"{hub.url}/{NAME}", form or "adapter")
    assert hub.repositories[NAME].private
    return hub.repositories[NAME].files


def test_an_adapter_arrives_for_peft_and_mlx_lm(run_folder: Path, hub: HubDouble) -> None:  # noqa: F811
    files = upload(run_folder, hub)
    assert set(files) == {
        ".gitattributes", "README.md", "adapter_config.json", "adapter_model.safetensors",
        "mlx-lm/adapter_config.json", "mlx-lm/adapters.safetensors",
    }  # fmt: skip
    config = json.loads(files["adapter_config.json"])
    assert (config["peft_type"], config["base_model_name_or_path"]) == ("LORA", "qwen/tiny")
    mlx = json.loads(files["mlx-lm/adapter_config.json"])
    assert (mlx["fine_tune_type"], mlx["model"]) == ("lora", "qwen/tiny")
    assert files["mlx-lm/adapters.safetensors"] == (run_folder / "adapters.safetensors").read_bytes()
    for name, content in files.items():
        assert str(run_folder.parent).encode() not in content and b"secret" not in content, name


def test_the_card_tells_of_the_run(run_folder: Path, hub: HubDouble) -> None:  # noqa: F811
    card = upload(run_folder, hub)["README.md"].decode()
    head = card.split("---\n")[1]
    assert "base_model: qwen/tiny\nbase_model_relation: adapter\nlicense: apache-2.0\n" in head
    assert "library_name: peft\n" in head and "datasets" not in head
    report = (run_folder / "report.md").read_text()
    loss = next(line for line in report.splitlines() if line.startswith("| Held-out loss"))
    assert loss in card
    assert "| Method | SFT |" in card and "| Data | 18 rows" in card
    assert "- `adapter.rank = 4`" in card and "- `train.steps = 2`" in card
    assert "mlx_lm.generate --model qwen/tiny --adapter-path tiny-tuned/mlx-lm" in card
    assert f'PeftModel.from_pretrained(base, "{NAME}")' in card


def test_data_are_named_only_when_asked(run_folder: Path, hub: HubDouble) -> None:  # noqa: F811
    card = upload(run_folder, hub, name_data=True)["README.md"].decode()
    assert "| Data | secret-letters.jsonl: 18 rows" in card and "datasets" not in card.split("---\n")[1]


def test_a_whole_model_arrives_without_paths(run_folder: Path, hub: HubDouble, tmp_path: Path) -> None:  # noqa: F811
    files = upload(run_folder, hub, "model")
    assert {"README.md", "config.json", "tokenizer.json", "model.safetensors"} <= set(files)
    assert "notes.txt" not in files and "base_model: qwen/tiny" in files["README.md"].decode()
    (tmp_path / "model.safetensors").write_bytes(files["model.safetensors"])
    assert "model.norm.weight" in mx.load(str(tmp_path / "model.safetensors"))
    for name, content in files.items():
        assert str(run_folder.parent).encode() not in content, name
    assert not list(run_folder.parent.glob(".hone-export-*"))


def test_an_adapter_of_a_folder_is_refused(run_folder: Path, hub: HubDouble, tmp_path: Path) -> None:  # noqa: F811
    own = tmp_path / "own"
    own.mkdir()
    config = json.loads((run_folder / "adapter_config.json").read_text())
    base = write_model(tmp_path / "base", tie_word_embeddings=False)
    (own / "adapter_config.json").write_text(json.dumps({**config, "model": str(base)}))
    (own / "adapters.safetensors").write_bytes((run_folder / "adapters.safetensors").read_bytes())
    with pytest.raises(BadModel, match="a folder of this machine, where nobody else finds it"):
        list(export(ExportRequest(str(own), NAME), "hub"))
    assert hub.requests == []
    assert b"base_model:" not in upload(own, hub, "model")["README.md"]


def test_a_wrong_name_is_told(run_folder: Path) -> None:
    with pytest.raises(BadOption, match="names of the form owner/name"):
        list(export(ExportRequest(str(run_folder), "no-owner"), "hub"))


def test_a_missing_token_is_told_before_the_work(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    events = export(ExportRequest(str(run_folder), NAME, "model", backend_name="cpu"), "hub")
    with pytest.raises(Unavailable, match="needs an access token"):
        next(events)


def test_a_file_that_names_a_folder_of_this_machine_is_not_uploaded(tmp_path: Path) -> None:
    source = tmp_path / "runs" / "mine"
    source.mkdir(parents=True)
    folder = tmp_path / "upload"
    folder.mkdir()
    (folder / "tokenizer.json").write_text('{"note": "made at home"}')
    check_no_paths(folder, source)
    mx.save_safetensors(str(folder / "model.safetensors"), {"a": mx.zeros(1)}, {"from": str(source)})
    with pytest.raises(BadModel, match=r"model\.safetensors names a folder of this machine"):
        check_no_paths(folder, source)
