"""Several processes on this machine as the ranks of a run, connected by MLX's ring over loopback."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TIMEOUT = 120  # seconds


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def ring(count: int, folder: Path) -> list[dict[str, str]]:
    """The environment of each rank, as mlx.launch sets it."""
    file = Path(tempfile.mkdtemp(dir=folder)) / "hosts.json"
    file.write_text(json.dumps([[f"127.0.0.1:{port}"] for port in free_ports(count)]) if count > 1 else "\n")
    slow = {"MLX_DISABLE_COMPILE": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return [os.environ | slow | {"MLX_HOSTFILE": str(file), "MLX_RANK": str(rank)} for rank in range(count)]


def run_ranks(count: int, folder: Path, code: str, *arguments: Any) -> list[Any]:
    """Run Python code on so many ranks; returns what the last line that each prints says, in JSON.

    The code finds the arguments, in JSON, in sys.argv[1:]. Raises AssertionError with what the ranks wrote where one
    fails.
    """
    command = [sys.executable, "-c", code, *(json.dumps(a) for a in arguments)]
    processes = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for env in ring(count, folder)
    ]
    try:
        outputs = [process.communicate(timeout=TIMEOUT) for process in processes]
    finally:
        for process in processes:
            process.kill()
    failed = [process.returncode for process in processes]
    assert not any(failed), f"{failed}\n" + "\n".join(error[-3000:] for _, error in outputs)
    return [json.loads(out.strip().splitlines()[-1]) for out, _ in outputs]
