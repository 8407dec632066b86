"""OpenBLAS: loaded before MLX where it is there, and an honest word where it is not."""

import subprocess
import sys

import pytest

from core.device import openblas


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openblas, "_loaded", None)
    monkeypatch.setattr(openblas, "_library", None)
    monkeypatch.setattr(openblas, "_reason", "not tried")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delitem(sys.modules, "mlx.core", raising=False)


def test_takes_the_first_library_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def cdll(name: str, mode: int) -> object:
        tried.append((name, mode == openblas.ctypes.RTLD_GLOBAL))
        if name != "libopenblas.so":
            raise OSError(name)
        return object()

    monkeypatch.setattr(openblas.ctypes, "CDLL", cdll)
    openblas.preload()
    openblas.preload()  # the second time does nothing
    assert tried == [(name, True) for name in openblas.NAMES]
    assert openblas.report() == ("libopenblas.so", "loaded before MLX")


def test_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, mode: int) -> object:
        raise OSError(name)

    monkeypatch.setattr(openblas.ctypes, "CDLL", missing)
    openblas.preload()
    name, reason = openblas.report()
    assert name is None
    assert "apt-get install libopenblas0-pthread" in reason


def test_a_mac_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    openblas.preload()
    assert openblas.report() == (None, "not needed: MLX uses Accelerate on a Mac")


def test_too_late_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlx.core", openblas)
    openblas.preload()
    assert openblas.report() == (None, "MLX was imported before Hone; import core first to make the CPU faster")


def test_importing_core_loads_it_first() -> None:
    code = "import sys, core; from core.device import openblas; print(openblas.report()[1], 'mlx.core' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "not tried" not in said and said.endswith("False\n")
