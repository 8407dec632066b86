"""The Hugging Face Hub, played by a small server on this machine, for its real client to talk to.

It serves models and datasets from memory: search, facts, files whole and in parts, and takes uploads. It can cut a
connection, refuse a request, ask for a token and lie about a file. Nothing leaves this machine.
"""

import base64
import hashlib
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_double"  # opens what is gated


@dataclass
class HubRepository:
    """A model or a dataset. `facts` go into its JSON as they are: downloads, tags, safetensors, cardData."""

    files: dict[str, bytes]
    kind: str = "model"  # or "dataset"
    gated: bool = False
    private: bool = False
    large: set[str] = field(default_factory=set)  # files that were uploaded to the large storage
    facts: dict[str, Any] = field(default_factory=dict)

    def describe(self, name: str) -> dict[str, Any]:
        siblings = [_describe_file(path, data) for path, data in self.files.items()]
        gated = "manual" if self.gated else False
        facts = {"id": name, "sha": COMMIT, "gated": gated, "private": self.private, "siblings": siblings}
        return facts | self.facts


def _describe_file(path: str, data: bytes) -> dict[str, Any]:
    """As the Hub tells of a file that lies in its large storage."""
    digest = hashlib.sha256(data).hexdigest()
    return {"rfilename": path, "size": len(data), "lfs": {"size": len(data), "sha256": digest, "pointerSize": 134}}


def _describe_entry(path: str, data: bytes, is_large: bool) -> dict[str, Any]:
    """As the Hub lists a file in a repository's tree."""
    entry = {"type": "file", "path": path, "size": len(data)}
    entry["oid"] = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return (
        {**entry, "lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}}
        if (is_large)
        else entry
    )


class HubDouble:
    """`cut_offset`: a file's connection ends there, `cuts` times (-1: always); while `hold` is cleared, it waits there.

    `refusals`: statuses for the coming requests of files, one each. `digests`: a wrong SHA-256 that is said of a file.
    `ranges`: the Range headers that came; `requests`: (method, path).

    Uploads: `put_cuts` connections of large files break half way (-1: all); `write_refusals` are statuses by the end of
    a path, such as {"/commit/main": 409}; `stored` is the large storage, by SHA-256.
    """

    def __init__(self, repositories: dict[str, HubRepository]) -> None:
        self.repositories = repositories
        self.refusals: list[int] = []
        self.cut_offset: int | None = None
        self.cuts = -1
        self.hold = threading.Event()
        self.hold.set()
        self.digests: dict[str, str] = {}
        self.ranges: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.put_cuts = 0
        self.write_refusals: dict[str, int] = {}
        self.stored: dict[str, bytes] = {}
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def serve(repositories: dict[str, HubRepository]) -> Iterator[HubDouble]:
    """A Hub with these repositories, until the end of the block."""
    hub = HubDouble(repositories)
    try:
        yield hub
    finally:
        hub.close()


def model_repository(folder: Path, **options: Any) -> HubRepository:
    """A model's folder as a repository."""
    return HubRepository({f.name: f.read_bytes() for f in sorted(folder.iterdir())}, **options)


def connect(monkeypatch: pytest.MonkeyPatch, hub_url: str, cache: Path) -> None:
    """Let the Hub's client in this process talk to this address, and keep what it downloads in an empty cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub_url)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub_url + template[template.index("/{repo_id}") :])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # it has no such storage


def _upload_mode(file: dict[str, Any]) -> dict[str, Any]:
    mode = "lfs" if file["path"].endswith(".safetensors") else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: HubDouble

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_POST(self) -> None:
        path = urlsplit(self.path).path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.requests.append(("POST", path))
        refused = next((status for end, status in self.hub.write_refusals.items() if path.endswith(end)), None)
        if refused or self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._refuse(refused or 401, message="Refused")
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._send_json({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            self._send_json({"files": [_upload_mode(file) for file in json.loads(body)["files"]]})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [self._upload_action(item) for item in json.loads(body)["objects"]]
            self._send_json({"transfer": "basic", "objects": objects})
        else:
            self._commit("/".join(path.split("/")[3:5]), [json.loads(line) for line in body.splitlines()])

    def do_PUT(self) -> None:
        hub = self.hub
        hub.requests.append(("PUT", self.path))
        if hub.put_cuts:
            hub.put_cuts -= 1
            self.rfile.read(1000)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        size = self.headers["Content-Length"]
        data = self.rfile.read(int(size)) if size else b"".join(self._read_chunks())
        assert hashlib.sha256(data).hexdigest() == self.path.rpartition("/")[2]
        hub.stored[hashlib.sha256(data).hexdigest()] = data
        self._refuse(200)

    def _read_chunks(self) -> Iterator[bytes]:
        """The parts of a body whose length was not said before."""
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _create(self, wish: dict[str, Any]) -> None:
        name = f"{wish['organization']}/{wish['name']}"
        if name in self.hub.repositories:
            self._refuse(409, message="You already created this model repo")
            return
        self.hub.repositories[name] = HubRepository({".gitattributes": b""}, private=wish["visibility"] == "private")
        self._send_json({"url": f"{self.hub.url}/{name}"})

    def _upload_action(self, item: dict[str, Any]) -> dict[str, Any]:
        if item["oid"] in self.hub.stored:
            return item
        return {**item, "actions": {"upload": {"href": f"{self.hub.url}/store/{item['oid']}"}}}

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        repository = self.hub.repositories[name]
        for line in lines:
            value, path = line["value"], line["value"].get("path", "")
            repository.large.discard(path)
            if line["key"] == "file":
                repository.files[path] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repository.files[path] = self.hub.stored[value["oid"]]
                repository.large.add(path)
            elif line["key"] == "deletedFile":
                del repository.files[path]
        self._send_json({"commitUrl": f"{self.hub.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def _answer(self, with_body: bool) -> None:
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        self.hub.requests.append((self.command, url.path))
        if parts[0] == "api":
            self._answer_api(parts[1:], parse_qs(url.query))
            return
        kind = "dataset" if parts[0] == "datasets" else "model"
        parts = parts[1:] if kind == "dataset" else parts
        repository = self._open_repository("/".join(parts[:2]), kind)
        if repository is None:
            return
        name = "/".join(parts[4:])  # owner/name/resolve/revision/file
        if name not in repository.files:
            self._refuse(404, "EntryNotFound")
        elif self.hub.refusals:
            self._refuse(self.hub.refusals.pop(0))
        else:
            self._send_file(name, repository.files[name], with_body)

    def _answer_api(self, parts: list[str], query: dict[str, list[str]]) -> None:
        if parts[0] not in ("models", "datasets"):
            self._refuse(404)
        elif len(parts) == 1:
            self._send_json(self._search(parts[0].removesuffix("s"), query))
        else:
            self._describe(parts)

    def _describe(self, parts: list[str]) -> None:
        repository = self._open_repository("/".join(parts[1:3]), parts[0].removesuffix("s"))
        if repository is None:
            return
        if "tree" in parts:
            self._send_json([_describe_entry(n, d, n in repository.large) for n, d in repository.files.items()])
        else:
            self._send_json(repository.describe("/".join(parts[1:3])))

    def _search(self, kind: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        words = query.get("search", [""])[0].lower()
        author = query.get("author", [""])[0]
        tags = {*query.get("filter", []), *query.get("pipeline_tag", [])}
        found = [
            repository.describe(name)
            for name, repository in self.hub.repositories.items()
            if repository.kind == kind and words in name.lower() and name.startswith(author)
            if tags <= set(repository.facts.get("tags", []))
        ]
        found.sort(key=lambda facts: -facts.get("downloads", 0))
        return found[: int(query.get("limit", ["100"])[0])]

    def _open_repository(self, name: str, kind: str) -> HubRepository | None:
        """A repository that may be read; else the answer is no, and has been sent."""
        repository = self.hub.repositories.get(name)
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if sent and sent != TOKEN:
            self._refuse(401, message="Invalid credentials in Authorization header")
        elif repository is None or repository.kind != kind:
            self._refuse(404, "RepoNotFound")
        elif repository.gated and not sent:
            self._refuse(403, "GatedRepo")
        else:
            return repository
        return None

    def _send_file(self, name: str, data: bytes, with_body: bool) -> None:
        hub, start = self.hub, 0
        byte_range = self.headers.get("Range")
        if byte_range:
            hub.ranges.append(byte_range)
            start = int(byte_range.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if byte_range else 200)
        self.send_header("ETag", f'"{hub.digests.get(name) or hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        if byte_range:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if with_body:
            with suppress(ConnectionError):  # a client that has heard enough
                self._send_body(data, start)

    def _send_body(self, data: bytes, start: int) -> None:
        hub = self.hub
        stop = hub.cut_offset if hub.cut_offset is not None and len(data) > hub.cut_offset else len(data)
        self.wfile.write(data[start:stop])
        self.wfile.flush()
        hub.hold.wait(60)
        if stop < len(data) and hub.cuts:
            hub.cuts -= 1
            self.close_connection = True
            self.connection.close()
            return
        self.wfile.write(data[max(start, stop) :])

    def _refuse(self, status: int, code: str = "", message: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if message:
            self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_json(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
