"""The memory of the whole process."""

import os
import sys

import pytest

from core.device.process_memory import read_process_memory


def test_it_counts_what_is_in_use() -> None:
    before = read_process_memory()
    assert 10 << 20 < before < 1 << 40
    held = bytearray(os.urandom(1 << 20) * 200)
    assert read_process_memory() - before > 150 << 20
    del held


@pytest.mark.skipif(sys.platform == "darwin", reason="a Mac's footprint is another number")
def test_elsewhere_it_is_the_resident_set() -> None:
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert abs(read_process_memory() - resident) < 32 << 20
