"""The Hub, played by a small server on this machine: download with progress, going on after a cut, no network."""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.data.dataset import load_dataset
from core.errors import BadModel
from core.model.hub import locate
from core.model.weight_files import find_missing_files
from core.resources import STARTER

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """Serves one model folder as the Hub does; may cut the connection after some bytes of a big file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cut_offset, self.ranges = folder, None, []  # type: Path, int | None, list[str]
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, body: bool) -> None:
                parts = self.path.partition("?")[0].strip("/").split("/")
                if parts[0] == "datasets":
                    parts = parts[1:]
                if parts[0] == "api":
                    if parts[2:4] == ["team", "gated"]:
                        self.refuse(403, "GatedRepo")
                    elif parts[2:4] != ["team", "tiny"]:
                        self.refuse(404, "RepoNotFound")
                    elif "tree" in parts:
                        sizes = {f.name: f.stat().st_size for f in hub.files}
                        self.json([{"type": "file", "path": n, "size": s, "oid": "0"} for n, s in sizes.items()])
                    else:
                        names = [{"rfilename": f.name, "size": f.stat().st_size} for f in hub.files]
                        self.json({"id": "team/tiny", "sha": COMMIT, "siblings": names})
                    return
                if parts[:2] != ["team", "tiny"] or not (hub.folder / parts[-1]).is_file():
                    self.refuse(404, "EntryNotFound")
                    return
                data = (hub.folder / parts[-1]).read_bytes()
                start = 0
                if byte_range := self.headers.get("Range"):
                    hub.ranges.append(byte_range)
                    start = int(byte_range.removeprefix("bytes=").partition("-")[0])
                self.send_response(206 if byte_range else 200)
                self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Accept-Ranges", "bytes")
                if byte_range:
                    self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
                self.send_header("Content-Length", str(len(data) - start))
                self.end_headers()
                if not body:
                    return
                if hub.cut_offset is not None and len(data) > hub.cut_offset:
                    self.wfile.write(data[start : hub.cut_offset])
                    self.wfile.flush()
                    self.connection.close()
                    return
                self.wfile.write(data[start:])

            def refuse(self, status: int, code: str) -> None:
                self.send_response(status)
                self.send_header("X-Error-Code", code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def json(self, value: Any) -> None:
                data = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def hub(model_folder: Path) -> Iterator[Hub]:
    server = Hub(model_folder)
    yield server
    server.server.shutdown()
    server.server.server_close()


SCRIPT = """
    import json, sys
    from core.errors import UserError
    from core.model import download
    from core.model.hub import fetch, fetch_data
    download.LARGE, download.CHUNK = 10_000, 5_000
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


def test_download_with_progress_then_from_the_cache(hub: Hub, tmp_path: Path) -> None:
    downloaded = fetch("team/tiny", tmp_path, hub.url)
    assert not find_missing_files(Path(downloaded["folder"]))
    assert (
        downloaded["shares"]
        and downloaded["shares"][-1] == 1.0
        and downloaded["shares"] == sorted(downloaded["shares"])
    )
    hub.server.shutdown()
    cached = fetch("team/tiny", tmp_path, hub.url, HF_HUB_OFFLINE="1")
    assert cached == {"folder": downloaded["folder"], "shares": []}


def test_a_download_that_was_cut_goes_on_in_another_process(hub: Hub, tmp_path: Path) -> None:
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
    assert (folder / "model.safetensors").read_bytes() == (hub.folder / "model.safetensors").read_bytes()


def test_a_damaged_file_is_not_kept(hub: Hub, tmp_path: Path) -> None:
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


def test_models_that_are_not_there_or_not_free(hub: Hub, tmp_path: Path) -> None:
    absent, gated = fetch_each(["team/other", "team/gated"], tmp_path, hub.url)
    assert absent["error"] == "There is no folder and no Hugging Face model named team/other (or it is private)."
    assert gated["error"].startswith("team/gated is gated: accept its licence")


def test_a_dataset_by_its_id_brings_its_data_files_and_no_code(data_file: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_bytes(data_file.read_bytes())
    (tmp_path / "set" / "load.py").write_text("raise SystemExit")
    hub = Hub(tmp_path / "set")
    downloaded, missing = fetch_each(["team/tiny", "team/other"], tmp_path / "home", hub.url, "data")
    assert [f.name for f in Path(downloaded["folder"]).iterdir()] == ["train.jsonl"]
    assert load_dataset(downloaded["folder"], "text").rows == 20
    assert missing["error"].startswith("There is no folder and no Hugging Face dataset named team/other")
    hub.server.shutdown()
    hub.server.server_close()
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
