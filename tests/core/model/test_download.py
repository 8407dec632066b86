"""Downloads in this process, from the Hub's double: broken connections, refusals, wrong files, a full disk, a pause."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import BadModel, Gated, Unavailable
from core.events import Phase
from core.model import download
from core.model.hub import fetch, locate
from core.model.weight_files import find_missing_files
from tests.hub_double import TOKEN, HubDouble, connect, model_repository, serve


@pytest.fixture
def hub(model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    monkeypatch.setattr(download, "LARGE", 10_000)
    monkeypatch.setattr(download, "WAITS", (0, 0, 0))
    monkeypatch.setattr(download, "REPORT_SECONDS", 0)
    monkeypatch.setattr(download, "find_token", lambda: None)
    tiny = model_repository(model_folder)
    with serve({"team/tiny": tiny, "team/gated": model_repository(model_folder, gated=True)}) as server:
        connect(monkeypatch, server.url, tmp_path / "cache")
        yield server


def bring(name: str) -> tuple[Path, list[Phase]]:
    """The folder that a download ends in, and its progress."""
    work, phases = fetch(name), []
    try:
        while True:
            phases.append(next(work))
    except StopIteration as end:
        return end.value, phases


def test_a_connection_that_breaks_is_taken_up_again(hub: HubDouble) -> None:
    hub.cut_offset, hub.cuts, hub.refusals = 40_000, 2, [503, 429]
    folder, phases = bring("team/tiny")
    assert not find_missing_files(folder)
    assert "bytes=40000-" in hub.ranges
    shares = [phase.fraction or 0 for phase in phases]
    assert shares == sorted(shares) and shares[-1] == 1  # what is here stays counted
    assert any(phase.detail.endswith("the connection broke; trying again") for phase in phases)
    assert any(phase.detail.endswith("MB/s") for phase in phases)


def test_a_connection_that_never_brings_a_byte_is_given_up(hub: HubDouble) -> None:
    hub.cut_offset = 40_000
    with pytest.raises(Unavailable, match="could not be reached"):
        bring("team/tiny")
    assert hub.ranges.count("bytes=40000-") == len(download.WAITS)


def test_a_download_that_is_closed_goes_on_from_there(hub: HubDouble, tmp_path: Path) -> None:
    hub.cut_offset = 40_000
    hub.hold.clear()
    work = fetch("team/tiny")
    while (next(work).fraction or 0) == 0:
        pass
    work.close()
    hub.hold.set()
    hub.cut_offset = None
    folder, phases = bring("team/tiny")
    assert phases[1].fraction and phases[1].fraction > 0  # from the first file on
    assert not find_missing_files(folder) and locate("team/tiny") == folder
    whole = hub.repositories["team/tiny"].files["model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == whole
    assert hub.ranges[-1] != "bytes=0-"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (429, "asks to wait: too many requests"),
        (503, r"has trouble of its own \(status 503\)"),
        (403, "the access token may not read it"),
    ],
)
def test_refusals_are_told_by_what_helps(
    hub: HubDouble, status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "WAITS", ())
    hub.refusals = [status] * 20
    with pytest.raises(Unavailable, match=words):
        bring("team/tiny")


def test_a_token_that_is_wrong_and_one_that_opens_what_is_gated(
    hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Gated, match="team/gated is gated: accept its licence on") as caught:
        bring("team/gated")
    assert caught.value.url == f"{hub.url}/team/gated" and isinstance(caught.value, BadModel)
    monkeypatch.setattr(download, "find_token", lambda: "hf_wrong")
    with pytest.raises(Unavailable, match="does not accept the access token"):
        bring("team/gated")
    monkeypatch.setattr(download, "find_token", lambda: TOKEN)
    assert not find_missing_files(bring("team/gated")[0])


def test_a_file_that_is_not_what_the_hub_says_is_removed(hub: HubDouble, tmp_path: Path) -> None:
    hub.digests["model.safetensors"] = "0" * 64
    with pytest.raises(Unavailable, match="arrived damaged and was removed"):
        bring("team/tiny")
    assert not list(tmp_path.rglob(f"*{download.PARTIAL}"))


def test_a_disk_without_room_for_the_model_and_a_run_is_told_before(
    hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(map(len, hub.repositories["team/tiny"].files.values()))
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=round(1.1 * size)))
    with pytest.raises(Unavailable, match=r"The disk is too full for team/tiny: .* 0.0 GB more, and a run of it"):
        bring("team/tiny")
    assert not hub.ranges
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=round(1.4 * size)))
    assert not find_missing_files(bring("team/tiny")[0])


def test_a_disk_that_fills_up_on_the_way_keeps_what_is_here(
    hub: HubDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_stream", _fill_up)
    with pytest.raises(Unavailable, match="The disk is full; team/tiny could not be downloaded completely"):
        bring("team/tiny")


def test_an_error_that_has_no_sentence_stays_as_it_was(hub: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(download, "_stream", fail)
    with pytest.raises(ZeroDivisionError) as caught:
        bring("team/tiny")
    assert caught.value.__cause__ is not caught.value


def _fill_up(*_: object) -> None:
    raise OSError(28, "No space left on device")
