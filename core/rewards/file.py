"""A person's own reward: one function in a Python file, called in a process of its own.

    def reward(answers, expected):          # any of: answers, expected, prompts, thinking, tokens
        return [float(e in a) for a, e in zip(answers, expected)]

It gets lists of equal length and returns as many numbers. What it does cannot harm the run: it has a process of
its own and a time limit for each call, and when it fails, one sentence says where and at which row.
"""

import json
import math
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import BadOption
from core.rewards.answer import Answer, Reward

START_SECONDS = 30.0  # for Python to start and the file to be imported

REWARD = Reward("Your own file", "A function in your own Python file scores the answers.", None)


class RewardFileFailed(Exception):
    """The function gave no usable scores for these answers; the sentence says why, and where."""


class FileReward:
    """The process that runs a person's reward function. It starts on first use, and again after it had to be ended."""

    def __init__(self, path: Path, seconds: float) -> None:
        """Raises BadOption when there is no such file."""
        self.path, self.seconds = path, seconds
        if not path.is_file():
            raise BadOption(f"There is no reward file {path}.")
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    def scores(self, answers: Sequence[Answer]) -> list[float]:
        """One finite number for each answer. Raises RewardFileFailed where the function does not give them in time."""
        if self._process is None:
            self._start()
        rows = [
            {
                "answers": a.visible,
                "expected": a.expected,
                "prompts": a.prompt,
                "thinking": a.text.removesuffix(a.visible),
                "tokens": a.tokens,
                "line": a.line,
            }
            for a in answers
        ]
        response = self._request(json.dumps(rows), self.seconds, _describe_rows(answers))
        if "error" in response:
            raise RewardFileFailed(str(response["error"]))
        return [self._check_number(n, a) for n, a in zip(response["scores"], answers, strict=True)]

    def _check_number(self, value: Any, answer: Answer) -> float:
        if isinstance(value, int | float) and math.isfinite(value):
            return float(value)
        description = "no finite number" if value is None else repr(value)[:40]
        raise RewardFileFailed(f"{self.path.name} gave {description} as the score of an answer to row {answer.line}.")

    def _start(self) -> None:
        # -P: the folder of child.py must not be a place to import from, or its neighbours would hide Python's own.
        command = [sys.executable, "-P", str(Path(__file__).with_name("child.py")), str(self.path.absolute())]
        self._lines = queue.Queue()
        self._process = subprocess.Popen(
            command,
            cwd=self.path.absolute().parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        threading.Thread(target=_listen, args=(self._process, self._lines), name="reward", daemon=True).start()
        response = self._request("", START_SECONDS, "while it was loaded")
        if "error" in response:
            self.close()
            raise RewardFileFailed(str(response["error"]))

    def _request(self, line: str, seconds: float, context: str) -> dict[str, Any]:
        """Send a line and wait for one; "" only waits. `context` continues the sentence of an error.

        Raises RewardFileFailed, and ends the process, when the answer takes too long or the process has ended.
        """
        process = self._process
        assert process is not None and process.stdin is not None
        try:
            if line:
                process.stdin.write(line + "\n")
                process.stdin.flush()
            reply = self._lines.get(timeout=seconds)
        except queue.Empty:
            self.close()
            raise RewardFileFailed(f"{self.path.name} took longer than {seconds:g} seconds {context}.") from None
        except OSError:
            reply = None
        if reply is None:
            self.close()
            raise RewardFileFailed(f"{self.path.name} ended its process {context}.")
        response: dict[str, Any] = json.loads(reply)
        return response

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def _listen(process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    """Put every line that the process writes into `lines`, then None: a pipe cannot be waited for with a time limit."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(line)
    except ValueError:  # closed while reading
        pass
    lines.put(None)


def _describe_rows(answers: Sequence[Answer]) -> str:
    rows = sorted({a.line for a in answers})
    row_list = ", ".join(map(str, rows[:4])) + (", ..." if len(rows) > 4 else "")
    return f"at the answers to row{'s' if len(rows) > 1 else ''} {row_list}"
