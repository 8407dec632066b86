"""What a Mac downloads, as the lock says, and what the thin app's installer says about it."""

import tomllib
from pathlib import Path

import pytest

pytest.importorskip("lief", reason="the dependency group 'package' is not installed")

import check_wheels
from packaging.version import Version

LOCK = tomllib.loads((Path(__file__).parents[2] / "uv.lock").read_text("utf-8"))


def newest(name: str) -> tuple[tuple[str, str], dict[str, int]]:
    """(name, version) and {file: bytes} of a package's newest version in the lock, which may have another for 3.11."""
    package = max((p for p in LOCK["package"] if p["name"] == name), key=lambda p: Version(p["version"]))
    return (name, package["version"]), {w["url"].rpartition("/")[2]: w["size"] for w in package["wheels"]}


def test_the_wheel_that_a_mac_takes_is_counted() -> None:
    tqdm, pure = newest("tqdm")
    numpy, arrays = newest("numpy")
    metal, kernels = newest("mlx-metal")
    assert len(pure) == 1 and len(kernels) > 1
    expected = sum(pure.values())
    expected += sum(size for file, size in arrays.items() if "-cp313-cp313-macosx_14_0_arm64" in file)
    expected += sum(size for file, size in kernels.items() if "macosx_14_0_arm64" in file)
    assert check_wheels.download_bytes({tqdm, numpy, metal}) == expected
    with pytest.raises(ValueError, match=r"^mlx-cpu 0\.\S+ has no wheel for 3.13 on macOS 14\.$"):
        check_wheels.download_bytes({newest("mlx-cpu")[0]})


def test_packages_for_other_systems_are_left_out() -> None:
    listed = "a==1 \\\n    --hash=sha256:0\nb==2 ; sys_platform == 'linux' \\\n    --hash=sha256:1\n"
    listed += "c==3 ; sys_platform == 'darwin' and python_full_version >= '3.12'\n"
    assert check_wheels.mac_packages(listed) == {("a", "1"), ("c", "3")}


def test_the_installer_tells_of_the_sizes_as_they_are() -> None:
    assert list(check_wheels.faults_of_sizes(219_000_000, 706_000_000)) == []
    grown = list(check_wheels.faults_of_sizes(400_000_000, 900_000_000))
    assert grown[0] == "install.sh asks for 1100 MB of room, and 1400 MB are taken"
    assert grown[1] == "install.sh tells of 250 MB to download, and it is 425 MB"
