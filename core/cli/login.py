"""hone login, hone logout: the access token of the Hugging Face Hub, for gated and private models and datasets."""

import getpass
import sys
from typing import Any

from core.cli import Print
from core.hub_token import delete_token, store_token


def add(commands: Any) -> None:
    login = commands.add_parser(
        "login",
        help="Keep an access token of the Hugging Face Hub.",
        description="Asks for an access token of the Hugging Face Hub (or reads it from a pipe), and keeps it in the "
        "system's keychain.",
    )
    login.set_defaults(command=run_login)
    logout = commands.add_parser("logout", help="Forget that token.", description="Forgets the token on this machine.")
    logout.set_defaults(command=run_logout)


def run_login(args: Any, out: Print) -> int:
    is_typed = sys.stdin.isatty()
    token = getpass.getpass("Access token (huggingface.co/settings/tokens): ") if is_typed else sys.stdin.readline()
    out(f"Kept in {store_token(token)}.")
    return 0


def run_logout(args: Any, out: Print) -> int:
    out("Forgotten." if delete_token() else "There was no token.")
    return 0
