"""The Hub's token: in the keychain, else in the Hub's own file, readable by its owner alone; HF_TOKEN goes first."""

import io
import sys
from pathlib import Path
from types import ModuleType

import huggingface_hub
import pytest

from core import hub_token
from core.__main__ import main
from core.errors import BadOption

TOKEN = "hf_abcdefGHIJKL1234567890"


class KeyringError(Exception):
    """What keyring raises where there is no keychain."""


@pytest.fixture
def keychain(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """The contents of a keychain; keyring is there with the three functions that are used."""
    entries: dict[tuple[str, str], str] = {}
    keyring, errors = ModuleType("keyring"), ModuleType("keyring.errors")
    vars(keyring).update(
        get_password=lambda service, name: entries.get((service, name)),
        set_password=lambda service, name, value: entries.update({(service, name): value}),
        delete_password=lambda service, name: entries.pop((service, name)),
    )
    vars(errors)["KeyringError"] = KeyringError
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return entries


@pytest.fixture
def token_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "hub" / "token"))
    return tmp_path / "hub" / "token"


def test_login_and_logout(
    keychain: dict[tuple[str, str], str],
    token_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}\n"))
    assert main(["login"]) == 0
    assert list(keychain.values()) == [TOKEN] and not token_file.exists()
    assert hub_token.find_token() == TOKEN
    monkeypatch.setenv("HF_TOKEN", "hf_other")  # which the Hub's client takes by itself
    assert hub_token.find_token() is None
    monkeypatch.delenv("HF_TOKEN")
    assert main(["logout"]) == 0 and main(["logout"]) == 0
    assert keychain == {} and hub_token.find_token() is None
    assert capsys.readouterr().out == "Kept in the system's keychain.\nForgotten.\nThere was no token.\n"


@pytest.mark.parametrize("fault", ["no package", "no keychain"])
def test_without_a_keychain_the_hubs_own_file_takes_it(
    keychain: dict[tuple[str, str], str], token_file: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    def refuse(*_: str) -> None:
        raise KeyringError("No recommended backend was available")

    if fault == "no package":
        monkeypatch.setitem(sys.modules, "keyring", None)
    else:
        for name in ("get_password", "set_password", "delete_password"):
            monkeypatch.setattr(sys.modules["keyring"], name, refuse)
    assert "as no keychain can be used here" in hub_token.store_token(TOKEN)
    assert token_file.read_text() == TOKEN and token_file.stat().st_mode & 0o777 == 0o600
    assert hub_token.find_token() is None  # the Hub's client finds its file itself
    assert hub_token.delete_token() and not token_file.exists() and not hub_token.delete_token()


@pytest.mark.parametrize("text", ["", "abc", "hf_", "hf_ab cd", "hf_ä1"])
def test_what_is_no_token_is_refused(keychain: dict[tuple[str, str], str], text: str) -> None:
    with pytest.raises(BadOption, match="they begin with hf_"):
        hub_token.store_token(text)
    assert keychain == {}
