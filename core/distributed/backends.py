"""What can move a run's numbers between machines or GPUs here, and why something cannot."""

import sys
from typing import Any

from core.distributed.machines import Ranks
from core.errors import Unavailable
from core.text.sentence import join, say

# What each needs, in words.
_NEEDS = {
    "ring": say("TCP, also over a Thunderbolt cable"),
    "jaccl": say("RDMA over Thunderbolt 5, on macOS 26.2 or later, where it was enabled with `rdma_ctl enable`"),
    "nccl": say("several NVIDIA GPUs, with MLX's CUDA package"),
    "mpi": say("an MPI library, such as Open MPI"),
}


def report() -> list[dict[str, Any]]:
    """{backend, available, words} of each that MLX knows; `words` say what it is or what it lacks."""
    import mlx.core as mx

    found = []
    for name, needs in _NEEDS.items():
        available = mx.distributed.is_available(name) and (name != "jaccl" or sys.platform == "darwin")
        found.append({"backend": name, "available": available, "words": needs})
    return found


def check_backend(ranks: Ranks) -> None:
    """Raise Unavailable where this machine is one of the ranks and lacks what they are to be connected by."""
    import mlx.core as mx

    name = "jaccl" if (ranks.backend or "").startswith("jaccl") else ranks.backend
    if name is None or not any(rank.is_here for rank in ranks.ranks):
        return
    if not mx.distributed.is_available(name) or (name == "jaccl" and sys.platform != "darwin"):
        raise Unavailable(say("{name} is not there on this machine: it needs {what}.", name=name, what=_NEEDS[name]))


def describe(found: list[dict[str, Any]]) -> str:
    """One line: what is here, and what each of the others needs."""
    here = [
        say("{backend} ({what})", backend=b["backend"], what=b["words"]) if b["backend"] == "ring" else b["backend"]
        for b in found
        if b["available"]
    ]
    needs = [say("{backend} needs {what}", backend=b["backend"], what=b["words"]) for b in found if not b["available"]]
    return join([join(here, ", ") if here else say("none"), *needs], "; ")
