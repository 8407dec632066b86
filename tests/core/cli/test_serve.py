"""hone serve: the address is printed, programs are answered, and Ctrl-C or kill end it with a sentence."""

import json
import signal
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.core.test_signals import start


@pytest.mark.parametrize(
    ("number", "code", "sentence"),
    [
        (signal.SIGINT, 130, "hone: Ended by Ctrl-C.\n"),
        (signal.SIGTERM, 143, "hone: Ended by SIGTERM.\n"),
    ],
)
def test_a_model_is_served_until_a_signal(model_folder: Path, number: int, code: int, sentence: str) -> None:
    process = start("serve", str(model_folder), "--port", "0", "--backend", "cpu")
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("tiny answers at http://127.0.0.1:") and line.endswith(" until Ctrl-C.\n")
    body = {"messages": [{"role": "user", "content": "the user asks"}], "max_tokens": 3}
    with urlopen(Request(f"{line.split()[3]}/chat/completions", json.dumps(body).encode()), timeout=60) as response:
        assert json.loads(response.read())["usage"]["completion_tokens"] == 3
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors, output) == (code, sentence, "")
