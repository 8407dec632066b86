"""Reward files that fork, hang, die, flood and pry: the time limit holds, one sentence says so, nothing is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import Unavailable
from core.rewards import Answer, RewardSettings, file
from core.rewards.judge import RewardScorer, ScoringResult

ANSWERS = [Answer("aaa", line=1), Answer("b", line=2)]
Open = Callable[..., RewardScorer]


def processes_of(folder: Path) -> list[psutil.Process]:
    """The processes that work in a folder, which is where a reward file is called."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def wait_until_none_is_left(folder: Path) -> None:
    while processes_of(folder):  # the suite's own time limit ends a test in which one stays
        time.sleep(0.02)


@pytest.fixture
def scorer(tmp_path: Path) -> Iterator[Open]:
    """A scorer with a reward file of this source; at the end of the test none of its processes may be there."""
    opened = []

    def open_scorer(source: str, seconds: float = 20.0) -> RewardScorer:
        path = tmp_path / "own.py"
        path.write_text(source, encoding="utf-8")
        opened.append(RewardScorer({"file": 1.0}, RewardSettings(file=str(path), seconds=seconds, allow_code=True)))
        return opened[-1]

    yield open_scorer
    for one in opened:
        one.close()
    wait_until_none_is_left(tmp_path)


def totals(result: ScoringResult) -> list[float | None]:
    assert result.problem == ""
    return [answer.total for answer in result.scored_answers]


HEAD = (
    "import contextlib, os, subprocess, sys, time\nCALLS = []\n"
    "FORGED = b'{\"scores\": [99, 99]}\\n'\ndef reward(answers):\n"
)
BODY = "    return [float(len(a)) for a in answers]\n"


@pytest.mark.parametrize(
    "before",
    [
        "    if CALLS.append(1) or len(CALLS) == 1: os.close(0)\n",
        "    for fd in range(3, 300):\n        with contextlib.suppress(OSError): os.write(fd, FORGED)\n",
        "    print('x' * 100_000)\n    sys.stderr.write('x' * 100_000)\n    os.write(1, FORGED)\n",
        "    assert sys.stdin.read() == ''\n",
        "    for _ in range(3):\n        if os.fork() == 0: time.sleep(600); os._exit(0)\n",
        "    os.fork()\n",  # both return
        "    subprocess.Popen(['sleep', '600'], start_new_session=True)\n",
        "    os.write(201, b'[')\n",  # Hone's own pipe
    ],
    ids=["closes stdin", "writes to descriptors", "prints", "reads", "forks", "returns twice", "starts", "pries"],
)
def test_what_a_function_does_beside_scoring_changes_no_score(scorer: Open, before: str) -> None:
    judge = scorer(HEAD + before + BODY)
    for _ in range(2):
        assert totals(judge(ANSWERS)) == [3.0, 1.0]


@pytest.mark.parametrize(
    "body",
    [
        "    time.sleep(600)\n",
        "    if os.fork() == 0: time.sleep(600)\n    time.sleep(600)\n",
        "    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n    time.sleep(600)\n",
        "    os.kill(os.getpid(), signal.SIGSTOP)\n",
        "    os.kill(os.getppid(), signal.SIGSTOP)\n    time.sleep(600)\n",
    ],
    ids=["sleeps", "forks and sleeps", "blocks signals", "stops", "stops its supervisor"],
)
def test_the_time_limit_holds(scorer: Open, body: str) -> None:
    judge = scorer("import os, signal, time\ndef reward(answers):\n" + body, seconds=0.5)
    assert judge(ANSWERS).problem == "own.py took longer than 0.5 seconds at the answers to rows 1, 2."


def test_a_request_that_nobody_reads_does_not_outlast_the_time_limit(scorer: Open) -> None:
    stop = "    threading.Timer(0, lambda: os.kill(os.getpid(), signal.SIGSTOP)).start()\n    time.sleep(0)\n"
    judge = scorer("import os, signal, threading, time\ndef reward(answers):\n" + stop + BODY, seconds=0.5)
    long = [Answer("a" * 1_000_000)]
    problems = [judge(long).problem for _ in range(2)]
    assert "own.py took longer than 0.5 seconds at the answers to row 0." in problems


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    os._exit(9)\n", "ended its process (exit code 9)"),
        ("    os.abort()\n", "was ended by SIGABRT"),
        ("    os.closerange(0, 1000)\n", "ended its process (exit code 1)"),
        ("    os.killpg(0, signal.SIGKILL)\n", "ended its process"),
        ("    while True: os.write(201, b'x' * 10_000)\n", "wrote more than 33792 bytes to Hone's own pipe"),
    ],
)
def test_a_process_that_ends_itself_is_told_and_the_third_time_ends_the_run(
    scorer: Open, body: str, reason: str
) -> None:
    judge = scorer("import os, signal\ndef reward(answers):\n" + body)
    for _ in range(2):
        assert judge(ANSWERS).problem == f"own.py {reason} at the answers to rows 1, 2."
    with pytest.raises(Unavailable, match=r"This was the 3rd time: the run ends here\."):
        judge(ANSWERS)


def test_a_process_that_ends_between_two_calls_is_told_too(scorer: Open, tmp_path: Path) -> None:
    timer = "    threading.Timer(0.02, lambda: os._exit(9)).start()\n"
    judge = scorer("import os, threading\ndef reward(answers):\n" + timer + BODY)
    assert totals(judge(ANSWERS)) == [3.0, 1.0]
    wait_until_none_is_left(tmp_path)
    assert judge(ANSWERS).problem == "own.py ended its process (exit code 9) at the answers to rows 1, 2."
    assert totals(judge(ANSWERS)) == [3.0, 1.0]


def test_memory_is_limited(scorer: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "memory_limit", lambda: 100_000_000)
    own = "    return len(bytearray(b'x') * 200_000_000) and time.sleep(600)\n"
    forked = "    if os.fork() == 0: x = bytearray(b'x') * 200_000_000\n    time.sleep(600)\n"
    for body in (own, forked):
        judge = scorer("import os, time\ndef reward(answers):\n" + body)
        assert judge(ANSWERS).problem == "own.py took more than 0.1 GB of memory at the answers to rows 1, 2."


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def reward(answers): raise ValueError('z' * 5_000_000)\n", "own.py, line 1: ValueError: zzz"),
        ("raise ValueError('z' * 5_000_000)\n", "own.py, line 1: ValueError: zzz"),
        ("def reward(answers): return [1e300 * len(a) for a in answers]\n", "gave 3e+300 as the score of an answer to"),
        ("def reward(answers): return [10 ** 400] * 2\n", "gave no finite number as the score of an answer to row 1"),
        ("def reward(answers): return ['\U0001f600' * 10_000] * 2\n", "own.py gave "),
    ],
)
def test_a_sentence_is_short(scorer: Open, source: str, sentence: str) -> None:
    problem = scorer(source)(ANSWERS).problem
    assert sentence in problem and len(problem) < 500


def test_it_is_given_no_secrets(scorer: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "OPENAI_API_KEY", "MY_SECRET", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "private-value")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    body = "    return [float('private-value' in os.environ.values()), float('TOKENIZERS_PARALLELISM' in os.environ)]\n"
    assert totals(scorer("import os\ndef reward(answers):\n" + body)(ANSWERS)) == [0.0, 1.0]


# A run in a process of its own, which is killed while its reward file holds the interpreter and does not let go.
CALLER = """
import sys
from core.rewards import Answer, RewardSettings
from core.rewards.judge import RewardScorer
RewardScorer({"file": 1.0}, RewardSettings(file=sys.argv[1], seconds=600, allow_code=True))([Answer("a" * 40)])
"""
BUSY = "import re\ndef reward(answers):\n    open('called', 'w').close()\n    re.match('(a+)+b', answers[0])\n"


def test_nothing_outlives_a_killed_hone(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(BUSY)
    caller = subprocess.Popen([sys.executable, "-c", CALLER, str(tmp_path / "own.py")], env=dict(os.environ))
    while not (tmp_path / "called").exists():
        assert caller.poll() is None
        time.sleep(0.02)
    assert processes_of(tmp_path)
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    wait_until_none_is_left(tmp_path)
