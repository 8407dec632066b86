"""The speed of the link between ranks, measured by small sums over all of them."""

import json
import statistics
import threading
import time
from dataclasses import asdict

from core.distributed.gain import Link
from core.distributed.group import Group
from core.distributed.launcher import run_lines
from core.distributed.machines import Machines
from core.errors import Unavailable
from core.stop_request import StopRequest
from core.text.sentence import say

COMMAND = "link-speed"  # of the command line, which every rank runs
_SMALL, _LARGE = 16, 16 << 20  # bytes
_TIMES = 5
_LONGEST = 10.0  # seconds, after which a slow link has been measured well enough


def measure_link(group: Group) -> Link:
    """Sum small and large arrays over the ranks of this process; every rank calls it."""
    small = _measure(group, _SMALL)
    large = _measure(group, _LARGE)
    # On a busy computer the small sums may take as long: then little is known of the speed, and no wonder is told.
    return Link(latency_seconds=small, bytes_per_second=_LARGE / max(large - small, large / 10))


def _measure(group: Group, size: int) -> float:
    """Seconds of a sum of so many bytes: the middle of several, the first left out."""
    import mlx.core as mx

    values = mx.ones(size // 4)
    mx.eval(values)
    group.all_sum(values)
    taken: list[float] = []
    while len(taken) < _TIMES and sum(taken) < _LONGEST:
        began = time.perf_counter()
        group.all_sum(values)
        own = time.perf_counter() - began
        taken.append(max(group.gather(own)))
    return statistics.median(taken)


def ask_link(machines: Machines, stop: threading.Event | None = None) -> Link:
    """The link between these machines, measured by processes that are started on them. Raises Unavailable."""
    for line in run_lines([COMMAND], machines, stop or StopRequest(), threading.Event()):
        if line.startswith("{"):
            values = json.loads(line)
            return Link(float(values["latency_seconds"]), float(values["bytes_per_second"]))
    raise Unavailable(say("The link between the machines could not be measured: the first of them said nothing."))


def to_json(link: Link) -> str:
    return json.dumps(asdict(link))
