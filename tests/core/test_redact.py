"""No token, key or password in what is shown, logged or copied, and none in the environment of a child."""

import pytest

from core.__main__ import main
from core.redact import environment_without_secrets, redact

TOKEN = "hf_abcdefGHIJKL1234567890"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Invalid token {TOKEN}.", "Invalid token [hidden]."),
        ("key sk-proj-abc_DEF-1234567890 is wrong", "key [hidden] is wrong"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [hidden]"),
        ("https://me:pass@example.org/x", "https://[hidden]@example.org/x"),
        ("GET /x?token=abcdefgh1234&y=1", "GET /x?token=[hidden]&y=1"),
        ('{"api_key": "abcdefgh1234"}', '{"api_key": "[hidden]"}'),
        ("ghp_abcdefGHIJKL1234567890", "[hidden]"),
    ],
)
def test_secrets_are_hidden(text: str, shown: str) -> None:
    assert redact(text, {}) == shown


@pytest.mark.parametrize(
    "text", ["526 tok/s, 12 tokens", "hf_hub", "task-oriented-dialogue-data", "the token </think>", "max_tokens=256"]
)
def test_words_stay(text: str) -> None:
    assert redact(text, {"TOKENIZERS_PARALLELISM": "max_tokens"}) == text


def test_the_environments_own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", "correct horse")
    assert redact("tried correct horse") == "tried [hidden]"
    assert "MY_PASSWORD" not in environment_without_secrets() and "HOME" in environment_without_secrets()


def test_the_command_line_shows_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--model", f"./{TOKEN}"]) == 2
    assert capsys.readouterr().err.startswith("hone: There is no folder ./[hidden]")
