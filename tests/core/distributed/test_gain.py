"""Whether several machines pay, worked out by hand."""

import json
import os
import subprocess
import sys

import pytest

from core.distributed import link_speed
from core.distributed.gain import Link, estimate_gain
from core.distributed.group import Group
from core.distributed.link_speed import measure_link


def test_a_fast_link_nearly_halves_the_time() -> None:
    gain = estimate_gain(2.0, rows=8, parameters=10_000_000, ranks=2, link=Link(0.001, 4e9))
    assert gain.gradient_bytes == 40_000_000
    assert gain.exchange_seconds == pytest.approx(0.011)
    assert gain.ratio == pytest.approx((1.0 + 0.011) / 2.0) and gain.pays


def test_a_slow_link_takes_longer_than_one_machine() -> None:
    gain = estimate_gain(0.5, rows=8, parameters=10_000_000, ranks=2, link=Link(0.0, 1e8))
    assert gain.ratio == pytest.approx((0.25 + 0.4) / 0.5) and not gain.pays


def test_rows_that_cannot_be_split_bring_nothing() -> None:
    assert not estimate_gain(1.0, rows=1, parameters=1000, ranks=2, link=Link(0.0, 1e12)).pays
    assert estimate_gain(1.0, rows=3, parameters=0, ranks=2, link=Link(0.0, 1e12)).ratio == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("small", "large", "speed"),
    [(0.1, 0.3, (16 << 20) / 0.2), (0.3, 0.2, (16 << 20) / 0.02), (0.2, 0.2, (16 << 20) / 0.02)],
)
def test_a_computer_that_is_busy_meanwhile_has_no_link_beyond_measure(
    monkeypatch: pytest.MonkeyPatch, small: float, large: float, speed: float
) -> None:
    monkeypatch.setattr(link_speed, "_measure", lambda group, size: small if size < 1000 else large)
    assert measure_link(Group()) == Link(small, pytest.approx(speed))


def test_two_ranks_on_this_machine_measure_the_link_between_them() -> None:
    words = [sys.executable, "-P", "-m", "core", "link-speed", "--ranks", "2", "--json"]
    asked = subprocess.run(words, capture_output=True, text=True, timeout=100, env=os.environ)
    assert asked.returncode == 0, asked.stderr
    found = Link(**json.loads(asked.stdout))
    assert 0 < found.latency_seconds < 10 and 1e5 < found.bytes_per_second < 1e13
