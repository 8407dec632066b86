"""What is odd about where Hone runs: a Mac is played by scripts in the place of its commands."""

import os
import platform
import shutil
import sys
from pathlib import Path

import mlx.core as mx
import pytest

from core.device import select, surroundings
from core.device.surroundings import describe_surroundings


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Mac; the file `facts` in its folder holds what sysctl knows, one "name value" a line."""
    command = tmp_path / "bin" / "sysctl"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nsed -n "s/^$2 //p" "{tmp_path}/facts"\n')
    command.chmod(0o755)
    (tmp_path / "facts").touch()
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    return tmp_path


def test_nothing_is_said_where_all_is_well(mac: Path) -> None:
    assert describe_surroundings(mac / "Hone/runs") == []


def test_rosetta(mac: Path) -> None:
    (mac / "facts").write_text("sysctl.proc_translated 1\n")
    (sentence,) = describe_surroundings(mac)
    assert sentence.startswith("Hone runs in Rosetta")


def test_an_old_macos(mac: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "mac_ver", lambda: ("13.6.9", ("", "", ""), "arm64"))
    assert describe_surroundings(mac) == ["Hone needs macOS 14 or newer; this is macOS 13.6.9."]


@pytest.mark.parametrize("by_launcher", [True, False])
def test_a_translocated_app(mac: Path, monkeypatch: pytest.MonkeyPatch, by_launcher: bool) -> None:
    path = "/private/var/folders/x/T/AppTranslocation/0A-1B/d/Hone.app/Contents/MacOS/Hone"
    if by_launcher:
        monkeypatch.setenv("HONE_APP", path)
    else:
        monkeypatch.setattr(sys, "executable", path)
    (sentence,) = describe_surroundings(mac)
    assert sentence.endswith("move it to Applications with the Finder.")


def test_a_virtual_machine_without_a_gpu(mac: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.metal, "is_available", lambda: False)
    monkeypatch.setattr(mx.cuda, "is_available", lambda: False)
    assert select.gpu_kind() == ("", "MLX finds no Metal GPU on this Mac")
    (mac / "facts").write_text("kern.hv_vmm_present 1\n")
    assert select.gpu_kind() == ("", "this Mac is a virtual machine, which has no Metal GPU")


def test_a_mac_without_sysctl(mac: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert describe_surroundings(mac) == []


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(10**12, 10**12, 150_000_000))
    folder = tmp_path / "Hone/runs"
    assert describe_surroundings(folder) == [f"The disk with {folder} is nearly full: 150 MB are free."]


def test_a_read_only_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    fields = list(real)
    fields[8] |= os.ST_RDONLY
    monkeypatch.setattr(os, "statvfs", lambda place: os.statvfs_result([*fields, real.f_fsid]))
    assert describe_surroundings(tmp_path) == [f"The disk with {tmp_path} is read-only: no run can be kept there."]


def test_a_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    (sentence,) = describe_surroundings(tmp_path / "runs")
    assert sentence.startswith(f"Hone may not write into {tmp_path}, where runs are kept")


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "Hone").touch()
    (sentence,) = describe_surroundings(tmp_path / "Hone/runs")
    assert sentence.startswith(f"Hone may not write into {tmp_path / 'Hone'}")


def test_a_folder_that_cannot_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(place: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(surroundings.shutil, "disk_usage", fail)
    assert describe_surroundings(tmp_path) == [
        f"The folder for runs, {tmp_path}, cannot be looked at: the disk or the device reports an error."
    ]
