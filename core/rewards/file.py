"""A person's own reward: one function in a Python file, called in a process of its own.

    def reward(answers, expected):          # any of: answers, expected, prompts, thinking, tokens
        return [float(e in a) for a, e in zip(answers, expected)]

It gets lists of equal length and returns as many numbers. What it does cannot harm the run: it has a process of
its own, a time limit for each call, and when it fails, one sentence says where and at which row.
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
    """The process that holds a person's function. It starts when first needed, and anew after it had to be ended."""

    def __init__(self, path: Path, seconds: float) -> None:
        """Raises BadOption when there is no such file."""
        self.path, self.seconds = path, seconds
        if not path.is_file():
            raise BadOption(f"There is no reward file {path}.")
        self._process: subprocess.Popen[str] | None = None
        self._said: queue.Queue[str | None] = queue.Queue()

    def scores(self, answers: Sequence[Answer]) -> list[float]:
        """One finite number for each answer. Raises Failed."""
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
        reply = self._ask(json.dumps(rows), self.seconds, _rows(answers))
        if "error" in reply:
            raise RewardFileFailed(str(reply["error"]))
        return [self._number(n, a) for n, a in zip(reply["scores"], answers, strict=True)]

    def _number(self, found: Any, answer: Answer) -> float:
        if isinstance(found, int | float) and math.isfinite(found):
            return float(found)
        shown = "no finite number" if found is None else repr(found)[:40]
        raise RewardFileFailed(f"{self.path.name} gave {shown} as the score of an answer to row {answer.line}.")

    def _start(self) -> None:
        # -P: the folder of child.py must not be a place to import from, or its neighbours would hide Python's own.
        words = [sys.executable, "-P", str(Path(__file__).with_name("child.py")), str(self.path.absolute())]
        self._said = queue.Queue()
        self._process = subprocess.Popen(
            words,
            cwd=self.path.absolute().parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        threading.Thread(target=_listen, args=(self._process, self._said), name="reward", daemon=True).start()
        reply = self._ask("", START_SECONDS, "while it was loaded")
        if "error" in reply:
            self.close()
            raise RewardFileFailed(str(reply["error"]))

    def _ask(self, line: str, seconds: float, where: str) -> dict[str, Any]:
        """Send a line, wait for one. A process that is too slow or has ended is cleared away."""
        process = self._process
        assert process is not None and process.stdin is not None
        try:
            if line:
                process.stdin.write(line + "\n")
                process.stdin.flush()
            said = self._said.get(timeout=seconds)
        except queue.Empty:
            self.close()
            raise RewardFileFailed(f"{self.path.name} took longer than {seconds:g} seconds {where}.") from None
        except OSError:
            said = None
        if said is None:
            self.close()
            raise RewardFileFailed(f"{self.path.name} ended its process {where}.")
        found: dict[str, Any] = json.loads(said)
        return found

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def _listen(process: "subprocess.Popen[str]", said: "queue.Queue[str | None]") -> None:
    """Every line the process writes, and None when it has ended. A pipe cannot be waited for with a time limit."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            said.put(line)
    except ValueError:  # closed while reading
        pass
    said.put(None)


def _rows(answers: Sequence[Answer]) -> str:
    lines = sorted({a.line for a in answers})
    shown = ", ".join(map(str, lines[:4])) + (", ..." if len(lines) > 4 else "")
    return f"at the answers to row{'s' if len(lines) > 1 else ''} {shown}"
