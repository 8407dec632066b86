"""The Hub, played by a small server on this machine: download with progress, going on after a cut, no network."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.data.dataset import load_dataset
from core.errors import BadModel
from core.model.hub import locate
from core.model.weight_files import find_missing_files
from core.resources import STARTER
from tests.hub_double import HubDouble, model_repository, serve


@pytest.fixture
def hub(model_folder: Path) -> Iterator[HubDouble]:
    tiny = model_repository(model_folder)
    with serve({"team/tiny": tiny, "team/gated": model_repository(model_folder, gated=True)}) as server:
        yield server


SCRIPT = """
    import json, sys
    from core.errors import UserError
    from core.model import download
    from core.model.hub import fetch, fetch_data
    download.LARGE, download.WAITS = 10_000, ()
    for name in sys.argv[2:]:
        shares, work = [], {"model": fetch, "data": fetch_data}[sys.argv[1]](name)
        try:
            while True:
                shares.append(next(work).fraction)
        except StopIteration as end:
            print(json.dumps({"folder": str(end.value), "shares": shares}))
        except UserError as error:
            print(json.dumps({"error": str(error), "shares": shares}))
"""


def fetch(name: str, home: Path, endpoint: str, kind: str = "model", **env: str) -> dict[str, Any]:
    (answer,) = fetch_each([name], home, endpoint, kind, **env)
    return answer


def fetch_each(names: list[str], home: Path, endpoint: str, kind: str = "model", **env: str) -> list[dict[str, Any]]:
    """fetch() of one after the other in a process of its own: the Hub's client reads its settings once, at import."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    settings |= {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", **env}
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), kind, *names],
        capture_output=True,
        text=True,
        env=settings,
        timeout=120,
    )
    assert process.returncode == 0, process.stderr
    return [json.loads(line) for line in process.stdout.splitlines()]


def test_download_with_progress_then_from_the_cache(hub: HubDouble, tmp_path: Path) -> None:
    downloaded = fetch("team/tiny", tmp_path, hub.url)
    assert not find_missing_files(Path(downloaded["folder"]))
    assert (
        downloaded["shares"]
        and downloaded["shares"][-1] == 1.0
        and downloaded["shares"] == sorted(downloaded["shares"])
    )
    hub.close()
    cached = fetch("team/tiny", tmp_path, hub.url, HF_HUB_OFFLINE="1")
    assert cached == {"folder": downloaded["folder"], "shares": []}


def test_a_download_that_was_cut_goes_on_in_another_process(hub: HubDouble, tmp_path: Path) -> None:
    hub.cut_offset = 40_000
    first = fetch("team/tiny", tmp_path, hub.url)
    assert "could not be reached" in first["error"]
    (partial,) = tmp_path.rglob("*.hone-partial")
    size = partial.stat().st_size
    assert 0 < size <= 40_000
    hub.cut_offset = None
    hub.ranges.clear()
    second = fetch("team/tiny", tmp_path, hub.url)
    assert f"bytes={size}-" in hub.ranges
    folder = Path(second["folder"])
    assert not find_missing_files(folder) and not list(tmp_path.rglob("*.hone-partial"))
    assert (folder / "model.safetensors").read_bytes() == hub.repositories["team/tiny"].files["model.safetensors"]


def test_a_damaged_file_is_not_kept(hub: HubDouble, tmp_path: Path) -> None:
    hub.cut_offset = 40_000
    fetch("team/tiny", tmp_path, hub.url)
    (partial,) = tmp_path.rglob("*.hone-partial")
    partial.write_bytes(b"x" * partial.stat().st_size)
    hub.cut_offset = None
    damaged, complete = fetch_each(["team/tiny", "team/tiny"], tmp_path, hub.url)
    assert "arrived damaged" in damaged["error"]
    assert not find_missing_files(Path(complete["folder"]))


def test_without_network(tmp_path: Path) -> None:
    sentence = "team/tiny is not on this machine, and the Hugging Face Hub could not be reached to download it."
    assert fetch("team/tiny", tmp_path, "http://127.0.0.1:9")["error"] == sentence
    offline = fetch("team/tiny", tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert offline["error"] == "team/tiny is not on this machine, and HF_HUB_OFFLINE forbids downloading it."


def test_models_that_are_not_there_or_not_free(hub: HubDouble, tmp_path: Path) -> None:
    absent, gated = fetch_each(["team/other", "team/gated"], tmp_path, hub.url)
    assert absent["error"] == "There is no folder and no Hugging Face model named team/other (or it is private)."
    assert gated["error"].startswith("team/gated is gated: accept its licence")


def test_a_dataset_by_its_id_brings_its_data_files_and_no_code(data_file: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_bytes(data_file.read_bytes())
    (tmp_path / "set" / "load.py").write_text("raise SystemExit")
    with serve({"team/tiny": model_repository(tmp_path / "set", kind="dataset")}) as hub:
        downloaded, missing = fetch_each(["team/tiny", "team/other"], tmp_path / "home", hub.url, "data")
    assert [f.name for f in Path(downloaded["folder"]).iterdir()] == ["train.jsonl"]
    assert load_dataset(downloaded["folder"], "text").rows == 20
    assert missing["error"].startswith("There is no folder and no Hugging Face dataset named team/other")
    answers = fetch_each(["team/tiny", str(data_file)], tmp_path / "home", "http://127.0.0.1:9", "data")
    assert [answer["folder"] for answer in answers] == [downloaded["folder"], str(data_file)]


def test_where_a_model_is(model_folder: Path, tmp_path: Path) -> None:
    assert locate("starter") == STARTER
    assert locate(str(model_folder)) == model_folder
    assert locate("team/none") is None
    with pytest.raises(BadModel, match="no Hugging Face id of the form owner/name"):
        locate("./nowhere")
    (tmp_path / "f").write_text("")
    with pytest.raises(BadModel, match="is a file; a model is a folder"):
        locate(str(tmp_path / "f"))
