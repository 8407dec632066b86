"""The access token of the Hugging Face Hub: in the system's keychain where there is one, never in a run or a log.

HF_TOKEN and the Hub's own token file work as ever; the file also takes the token where the system has no keychain.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from core.errors import BadOption, Unavailable
from core.text.sentence import say

SERVICE, ACCOUNT = "Hone", "huggingface.co"  # of the entry in the keychain


class NoKeychain(Exception):
    """The system has no keychain, or does not open it."""


def find_token() -> str | None:
    """The token in the keychain; None where there is none, or HF_TOKEN is set: the Hub's client then finds its own."""
    if os.environ.get("HF_TOKEN"):
        return None
    try:
        with _keychain() as keyring:
            token = keyring.get_password(SERVICE, ACCOUNT)
    except NoKeychain:
        return None
    return str(token) if token else None


def store_token(token: str) -> str:
    """Keep a token, and say where. Raises BadOption for what is none, Unavailable where it cannot be written."""
    token = token.strip()
    if not token.startswith("hf_") or not token.isascii() or not token[3:].isalnum():
        raise BadOption(say("That is no access token of the Hugging Face Hub: they begin with hf_."))
    try:
        with _keychain() as keyring:
            keyring.set_password(SERVICE, ACCOUNT, token)
        return "the system's keychain"
    except NoKeychain:
        file = _token_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
            stream.write(token)
    except OSError as error:
        raise Unavailable(say("{file} cannot be written: {reason}.", file=file, reason=error)) from None
    return f"{file}, as no keychain can be used here"


def delete_token() -> bool:
    """Forget the token in the keychain and that in the Hub's own file; whether there was one."""
    found = False
    with contextlib.suppress(NoKeychain), _keychain() as keyring:
        if keyring.get_password(SERVICE, ACCOUNT):
            keyring.delete_password(SERVICE, ACCOUNT)
            found = True
    file = _token_file()
    found = found or file.is_file()
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(say("{file} cannot be removed: {reason}.", file=file, reason=error)) from None
    return found


@contextlib.contextmanager
def _keychain() -> Iterator[ModuleType]:
    """The package keyring. Raises NoKeychain where it, or the keychain behind it, cannot be used."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise NoKeychain from None
    try:
        yield keyring
    except (KeyringError, RuntimeError, OSError) as error:
        raise NoKeychain from error


def _token_file() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_TOKEN_PATH)
