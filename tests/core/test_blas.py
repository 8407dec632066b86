"""OpenBLAS: loaded before MLX where it is there, and an honest word where it is not."""

import subprocess
import sys

import pytest

from core import blas


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_loaded", None)
    monkeypatch.setattr(blas, "_library", None)
    monkeypatch.setattr(blas, "_reason", "not tried")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delitem(sys.modules, "mlx.core", raising=False)


def test_takes_the_first_library_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def cdll(name: str, mode: int) -> object:
        tried.append((name, mode == blas.ctypes.RTLD_GLOBAL))
        if name != "libopenblas.so":
            raise OSError(name)
        return object()

    monkeypatch.setattr(blas.ctypes, "CDLL", cdll)
    blas.preload()
    blas.preload()  # the second time does nothing
    assert tried == [(name, True) for name in blas.NAMES]
    assert blas.report() == ("libopenblas.so", "loaded before MLX")


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, mode: int) -> object:
        raise OSError(name)

    monkeypatch.setattr(blas.ctypes, "CDLL", missing)
    blas.preload()
    name, reason = blas.report()
    assert name is None
    assert "apt-get install libopenblas0-pthread" in reason


def test_a_mac_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    blas.preload()
    assert blas.report() == (None, "not needed: MLX uses Accelerate on a Mac")


def test_too_late_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlx.core", blas)
    blas.preload()
    assert blas.report() == (None, "MLX was imported before Hone; import core first to make the CPU faster")


def test_importing_core_loads_it_first() -> None:
    code = "import sys, core; from core import blas; print(blas.report()[1], 'mlx.core' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "not tried" not in said and said.endswith("False\n")
