"""Freed memory stays with the process on Linux, and the system clears it once."""

import mmap
import os
import subprocess
import sys

import pytest

from core.device import malloc

TOUCH = """
import resource
import core
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(2):
    bytearray(b"x") * (16 << 20)
before = faults()
for _ in range(10):
    bytearray(b"x") * (16 << 20)
print(faults() - before)
"""

HELD = """
import mlx.core as mx
from core.device.process_memory import read_process_memory
from core.device.release import releasing
def work():
    for _ in range(3):
        pieces = [mx.ones((1 << 20,), mx.int32) for _ in range(64)]
        mx.eval(pieces)
        yield read_process_memory()
before = read_process_memory()
print(max(releasing(work())) - before, read_process_memory() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it changes nothing elsewhere")
def test_what_work_held_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", HELD], capture_output=True, text=True, check=True)
    most, rest = map(int, done.stdout.split())
    assert most > 200 << 20 and rest < most / 4


def test_tokenizers_work_on_one_core_where_threads_share_their_memory() -> None:
    def variable(**given: str) -> str:
        others = {name: value for name, value in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
        code = "import os, core; print(os.environ['TOKENIZERS_PARALLELISM'])"
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=others | given
        )
        return run.stdout.strip()

    assert variable() == ("false" if malloc.keep_freed() else "true")
    assert variable(TOKENIZERS_PARALLELISM="true") == "true"


@pytest.mark.skipif(sys.platform != "linux", reason="it changes nothing elsewhere")
def test_memory_is_taken_from_the_system_once() -> None:
    done = subprocess.run([sys.executable, "-c", TOUCH], capture_output=True, text=True, check=True)
    faults, pages = int(done.stdout), 10 * (16 << 20) // mmap.PAGESIZE
    assert faults < pages / 20


def test_elsewhere_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(malloc.ctypes, "CDLL", None)
    assert malloc.keep_freed() is False


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(malloc.ctypes, "CDLL", lambda name: object())
    assert malloc.keep_freed() is False
