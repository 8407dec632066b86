"""The process of a person's reward file as Hone sees it: lines of JSON there and back, each within a time limit."""

import contextlib
import json
import os
import secrets
import selectors
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from core.device.child_process import child_command
from core.redact import environment_without_secrets
from core.text.sentence import say, shorten, unpack

END_SECONDS = 2.0  # for the supervisor to end everything, before it is ended itself
PIECE = 1 << 16  # bytes that are read and written at once


class ProcessFailed(Exception):
    """There is no reply, and the process has been ended; the text says why, to follow upon the file's name."""


class TooLong(ProcessFailed):
    """The reply did not come in time."""


class RewardProcess:
    """A reward file in a process of its own, watched over by supervisor.py; with `memory` bytes for all that it starts.

    Nothing of it outlives close(), or Hone.
    """

    def __init__(self, file: Path, memory: int) -> None:
        self._file = file.absolute()
        self._alive: int | None
        alive, self._alive = os.pipe()
        command = child_command(Path(__file__).with_name("supervisor.py"), str(alive), str(memory))
        self._process = subprocess.Popen(
            command,
            cwd=self._file.parent,
            env=environment_without_secrets(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[alive],
            start_new_session=True,
            bufsize=0,
        )
        os.close(alive)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._replies = self._process.stdin.fileno(), self._process.stdout.fileno()
        for pipe in (self._requests, self._replies):
            os.set_blocking(pipe, False)
        self._unread = b""

    def load(self, seconds: float) -> dict[str, Any]:
        """The reply to the first request, which imports the file. Raises ProcessFailed."""
        return self.request({"file": str(self._file)}, seconds, 4096)

    def request(self, request: dict[str, Any], seconds: float, reply_bytes: int) -> dict[str, Any]:
        """The reply to a request. Raises TooLong, and ProcessFailed also where more than `reply_bytes` come."""
        key, deadline = secrets.token_hex(8), time.monotonic() + seconds
        unsent = memoryview(json.dumps(request | {"id": key}).encode() + b"\n")
        received, ended = 0, ""
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_WRITE)
            selector.register(self._replies, selectors.EVENT_READ)
            while True:
                ready = [item.fd for item, _ in selector.select(max(0.0, deadline - time.monotonic()))]
                if self._replies in ready:
                    piece = os.read(self._replies, PIECE)
                    received += len(piece)
                    for line in self._split(piece):
                        reply = _parse(line)
                        if reply.get("id") == key:
                            return reply
                        ended = ended or read_sentence(reply.get("ended", ""))
                    if ended or not piece:
                        raise self._fail(ProcessFailed(ended or say("ended its process")))
                    if received > reply_bytes:
                        raise self._fail(
                            ProcessFailed(
                                say("wrote more than {reply_bytes} bytes to Hone's own pipe", reply_bytes=reply_bytes)
                            )
                        )
                elif self._requests in ready:
                    try:
                        unsent = unsent[os.write(self._requests, unsent[:PIECE]) :]
                    except BrokenPipeError:  # the supervisor will say why
                        unsent = unsent[:0]
                    if not unsent:
                        selector.unregister(self._requests)
                if time.monotonic() >= deadline:
                    raise self._fail(TooLong(say("took longer than {seconds:g} seconds", seconds=seconds)))

    def _split(self, piece: bytes) -> list[bytes]:
        """The lines that are whole with this piece."""
        *lines, self._unread = (self._unread + piece).split(b"\n")
        return lines

    def _fail(self, error: ProcessFailed) -> ProcessFailed:
        self.close()
        return error

    def close(self) -> None:
        """End the process and every one that it started."""
        if self._alive is None:
            return
        import psutil

        os.close(self._alive)
        self._alive = None
        leader, deadline = psutil.Process(self._process.pid), time.monotonic() + END_SECONDS
        while leader.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # they have all ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()  # not before: the number of the group is free for others then
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _parse(line: bytes) -> dict[str, Any]:
    """A line of JSON; {} for what is not from Hone, as a reward file can find the pipe and write to it."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_sentence(packed: Any) -> str:
    """A sentence of a reply; what a reward file has written itself is taken as text."""
    try:
        said = unpack(packed)
    except ValueError:
        said = packed
    return shorten(said if isinstance(said, str) else str(said))
