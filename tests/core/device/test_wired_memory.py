"""What is wired on a Mac, with doubles of MLX's calls there."""

from types import SimpleNamespace
from typing import Any

import mlx.core as mx
import pytest

from core.device import wired_memory
from core.device.wired_memory import choose_wired_bytes, wired

GB = 10**9


@pytest.mark.parametrize(("needed", "bytes_"), [(6 * GB, 6 * GB), (40 * GB, 12 * GB), (None, 12 * GB), (0, 12 * GB)])
def test_no_more_than_metal_recommends(needed: int | None, bytes_: int) -> None:
    assert choose_wired_bytes(needed, 12 * GB) == bytes_


def test_nothing_is_wired_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.metal, "is_available", lambda: False)
    with wired(GB) as limit:
        assert limit is None


def test_it_is_wired_within_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[int] = [0]

    def set_wired_limit(limit: int) -> int:
        limits.append(limit)
        return limits[-2]

    on_a_mac: Any = SimpleNamespace(
        gpu=mx.gpu,
        metal=mx.metal,
        Device=mx.Device,
        set_wired_limit=set_wired_limit,
        default_device=lambda: mx.gpu,
        device_info=lambda device: {"max_recommended_working_set_size": 12 * GB},
    )
    monkeypatch.setattr(mx.metal, "is_available", lambda: True)
    monkeypatch.setattr(wired_memory, "mx", on_a_mac)
    with wired(6 * GB) as limit:
        assert limit == 6 * GB and limits == [0, 6 * GB]
    assert limits == [0, 6 * GB, 0]
