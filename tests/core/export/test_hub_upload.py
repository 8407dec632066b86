"""Uploads to the Hub's double with the real client: private, in one commit, going on after broken connections."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import BadOption, Unavailable
from core.events import Phase
from core.export import counted_file, hub_upload
from core.export.hub_upload import upload_folder
from tests import hub_double
from tests.hub_double import HubDouble, HubRepository

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of the Hub's own client
NAME = "somebody/my-adapter"
WEIGHTS = bytes(range(256)) * 400


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    monkeypatch.setenv("HF_TOKEN", hub_double.TOKEN)
    monkeypatch.setattr(hub_upload, "WAITS", (0.0, 0.0))
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    with hub_double.serve({}) as hub:
        hub_double.connect(monkeypatch, hub.url, tmp_path / "cache")
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "upload"
    (folder / "mlx-lm").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A card\n")
    (folder / "adapter_model.safetensors").write_bytes(WEIGHTS)
    (folder / "mlx-lm" / "adapters.safetensors").write_bytes(WEIGHTS[::-1])
    return folder


def upload(folder: Path, public: bool = False, overwrite: bool = False) -> list[Phase]:
    return list(upload_folder(NAME, folder, public=public, overwrite=overwrite))


def puts(hub: HubDouble) -> int:
    return sum(method == "PUT" for method, _ in hub.requests)


def commits(hub: HubDouble) -> int:
    return sum("/commit/" in path for _, path in hub.requests)


def test_everything_arrives_private_in_one_commit(hub: HubDouble, folder: Path) -> None:
    phases = upload(folder)
    repository = hub.repositories[NAME]
    assert repository.private and commits(hub) == 1
    assert repository.files == {
        ".gitattributes": b"",
        "README.md": (folder / "README.md").read_bytes(),
        "adapter_model.safetensors": WEIGHTS,
        "mlx-lm/adapters.safetensors": WEIGHTS[::-1],
    }
    assert (phases[0].detail, phases[0].fraction) == (f"{NAME}: 0.0 of 0.2 MB", 0.0)
    assert (phases[-1].detail, phases[-1].fraction) == (f"{NAME}: 0.2 of 0.2 MB", 1.0)
    shares = [phase.fraction for phase in phases if phase.fraction is not None]
    assert shares == sorted(shares) and 0.4 < shares[3] < 1


def test_public_only_when_asked(hub: HubDouble, folder: Path) -> None:
    upload(folder, public=True)
    assert not hub.repositories[NAME].private
    with pytest.raises(BadOption, match="is public on the Hub: say --public"):
        upload(folder)


def test_a_broken_connection_is_tried_again(hub: HubDouble, folder: Path) -> None:
    hub.put_cuts = 2
    upload(folder)
    assert hub.repositories[NAME].files["adapter_model.safetensors"] == WEIGHTS


def test_what_has_arrived_is_not_sent_again(hub: HubDouble, folder: Path) -> None:
    hub.write_refusals = {"/commit/main": 503}
    with pytest.raises(Unavailable, match=r"broke while .* the same command goes on from there"):
        upload(folder)
    assert puts(hub) == 2 and set(hub.repositories[NAME].files) == {".gitattributes"}
    hub.write_refusals = {}
    upload(folder)
    assert puts(hub) == 2 and hub.repositories[NAME].files["mlx-lm/adapters.safetensors"] == WEIGHTS[::-1]
    upload(folder)  # nothing is left to do
    assert commits(hub) == hub.requests.count(("POST", f"/api/models/{NAME}/commit/main"))
    last = len(hub.requests) - hub.requests[::-1].index(("POST", f"/api/models/{NAME}/commit/main"))
    assert ("POST", "/api/repos/create") in hub.requests[last:]


def test_a_connection_that_never_holds_is_told(hub: HubDouble, folder: Path) -> None:
    hub.put_cuts = -1
    with pytest.raises(Unavailable, match="connection to the Hugging Face Hub broke"):
        upload(folder)
    assert "adapter_model.safetensors" not in hub.repositories[NAME].files


def test_other_content_is_left_alone_unless_asked(hub: HubDouble, folder: Path) -> None:
    hub.repositories[NAME] = HubRepository({"notes.md": b"mine", "README.md": b"other"}, private=True)
    with pytest.raises(BadOption, match=r"on the Hub already, with other content \((notes|README)\.md\)"):
        upload(folder)
    assert hub.repositories[NAME].files == {"notes.md": b"mine", "README.md": b"other"} and puts(hub) == 0
    upload(folder, overwrite=True)
    assert set(hub.repositories[NAME].files) == {
        "README.md", "adapter_model.safetensors", "mlx-lm/adapters.safetensors",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/repos/create", 401, "does not accept the access token"),
        ("/repos/create", 403, f"may not write to {NAME}"),
        ("/batch", 403, f"may not write to {NAME}"),
        ("/commit/main", 409, "changed by somebody else"),
        ("/commit/main", 403, f"may not write to {NAME}"),
    ],
)
def test_a_refusal_is_one_sentence(hub: HubDouble, folder: Path, path: str, status: int, sentence: str) -> None:
    hub.write_refusals = {path: status}
    with pytest.raises(Unavailable, match=sentence):
        upload(folder)


def test_without_a_token_nothing_is_sent(hub: HubDouble, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(Unavailable, match="needs an access token"):
        upload(folder)
    assert hub.requests == []


def test_a_damaged_file_is_noticed(hub: HubDouble, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_double, "_upload_mode", lambda file: {**mode(file), "shouldIgnore": "lm/" in file["path"]})
    with pytest.raises(Unavailable, match=r"mlx-lm/adapters\.safetensors did not arrive"):
        upload(folder)


mode = hub_double._upload_mode


def test_progress_within_a_file_and_an_end_within_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted_file, "_SECONDS", 0.0)
    path = tmp_path / "model.safetensors"
    path.write_bytes(WEIGHTS)
    told: list[int] = []
    cancelled = threading.Event()
    with counted_file.CountedFile(path, told.append, cancelled) as file:
        assert file.read() == WEIGHTS and not told  # for its hash
        file.seek(0)
        assert b"".join(iter(lambda: file.read(30_000), b"")) == WEIGHTS
        assert told == [30_000, 60_000, 90_000, 102_400, 102_400]
        file.seek(0)
        cancelled.set()
        with pytest.raises(Unavailable, match="was stopped"):
            file.read(30_000)


def test_files_go_by_http_and_not_through_hf_xet(hub: HubDouble, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    upload(folder)
    assert puts(hub) == 2 and constants.HF_HUB_DISABLE_XET is False
