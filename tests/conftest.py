"""What every test stands on: a home of its own, no network, no window on the screen, no unexpected log line."""

import gc
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

# Set before anything of ours is imported, and passed on to the processes that tests start.
_home = Path(tempfile.mkdtemp(prefix="hone-tests-"))
os.environ |= {
    "HOME": str(_home),  # platformdirs, Qt and Hugging Face all look here for where to keep things
    "HF_HUB_OFFLINE": "1",
    "MLX_DISABLE_COMPILE": "1",  # compiling CPU kernels costs seconds and gives the same numbers
    "OPENBLAS_NUM_THREADS": "1",  # its threads wait for each other in a busy loop: twice the work for tiny matrices
    "MLX_ENABLE_TF32": "0",  # float32 is float32 on a GPU too
    "TOKENIZERS_PARALLELISM": "false",
}
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for _name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "HF_HOME", "HF_HUB_CACHE"):
    os.environ.pop(_name, None)

import core  # noqa: E402, F401  # before anything imports MLX, so that OpenBLAS is loaded first
from core.device import memory_pressure, power  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest test begins first: at the end one worker would wait for the other that has it."""
    items.sort(key=lambda item: "test_demo.py" not in item.nodeid)


def pytest_collection_finish() -> None:
    """Leave what was imported and collected, which stays, out of every later garbage collection."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    shutil.rmtree(_home, ignore_errors=True)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder for each test: no test sees another's runs, let alone a person's."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def calm_machine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees whether this machine is short of memory or runs on its battery."""
    monkeypatch.setattr(memory_pressure, "PROC", home / "proc")
    monkeypatch.setattr(power, "SYS", home / "sys")


@pytest.fixture(autouse=True)
def no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test cuts this process's power. Those that cut another's see to it there that it syncs what it has written."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[str]]:
    """Fails the test if Hone logs a warning or worse. A test that expects one takes `logged`, checks and clears it."""
    handler = _Records()
    ours = [logging.getLogger(name) for name in ("core", "app")]
    for logger in ours:
        logger.addHandler(handler)
    yield handler.lines
    for logger in ours:
        logger.removeHandler(handler)
    assert not handler.lines, "unexpected log lines:\n" + "\n".join(handler.lines)
