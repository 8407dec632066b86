"""What a launcher, mlx.launch or Hone's own, says of the ranks that it has started, and their group."""

import functools
import os
from collections.abc import Mapping

from core.distributed.group import Group
from core.distributed.mlx_group import MLXGroup


def launched_backend(environment: Mapping[str, str]) -> str | None:
    """The engine by which a launcher connects this process to others; None where it runs alone."""
    env = environment
    if env.get("MLX_RANK"):
        if env.get("MLX_IBV_DEVICES") and env.get("MLX_JACCL_COORDINATOR"):
            return "jaccl"
        if env.get("NCCL_HOST_IP") and int(env.get("MLX_WORLD_SIZE", "1")) > 1:
            return "nccl"
        hosts = env.get("MLX_HOSTFILE")
        if (
            hosts and os.path.exists(hosts) and os.path.getsize(hosts) > 1
        ):  # for one host mlx.launch writes an empty one
            return "ring"
    sizes = (env.get("OMPI_COMM_WORLD_SIZE"), env.get("PMI_SIZE"))
    return "mpi" if any(size and int(size) > 1 for size in sizes) else None


def rank_of(environment: Mapping[str, str]) -> int:
    """The rank that a launcher has given to this process, 0 where it runs alone; known before the ranks connect."""
    if launched_backend(environment) is None:
        return 0
    found = (environment.get(name) for name in ("MLX_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"))
    return int(next((text for text in found if text), "0"))


@functools.cache
def current_group() -> Group:
    """The ranks that this process belongs to. Raises Unavailable where they cannot be connected."""
    backend = launched_backend(os.environ)
    return MLXGroup(backend) if backend else Group()
