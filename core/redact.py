"""Secrets: taken out of what is shown, written or copied, and out of what other processes are given."""

import os
import re
from collections.abc import Mapping

HIDDEN = "[hidden]"

# TOKENIZERS_PARALLELISM is no secret.
_SECRET_NAME = re.compile(r"TOKEN(?!IZER)|SECRET|PASSW|PASSPHRASE|CREDENTIAL|API_?KEY|(ACCESS|PRIVATE|AUTH)_?KEY", re.I)
# What comes before the secret itself is kept: group 1.
_SECRETS = (
    re.compile(r"()\b(?:hf|api_org)_[A-Za-z0-9]{6,}"),
    re.compile(r"()\b(?:sk|pk|rk)-[A-Za-z0-9_-]{12,}"),
    re.compile(r"()\b(?:gh[pousr]|github_pat)_[A-Za-z0-9_]{12,}"),
    re.compile(r"(\bBearer\s+)[^\s\"',;]+", re.I),
    re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+(?=@)", re.I),
    re.compile(
        r"(\b(?:access_?token|auth_?token|token|api_?key|password|secret)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]{8,}", re.I
    ),
)
_SHORTEST = 8  # characters of a value of the environment that is looked for; shorter ones may be words


def redact(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The text without access tokens, keys and passwords: those of well-known shapes, and the environment's own. A text
    without any is given back as it is, so that a Sentence stays one."""
    hidden = text
    for name, value in environment.items():
        if len(value) >= _SHORTEST and _SECRET_NAME.search(name):
            hidden = hidden.replace(value, HIDDEN)
    for pattern in _SECRETS:
        hidden = pattern.sub(rf"\g<1>{HIDDEN}", hidden)
    return text if hidden == text else hidden


def environment_without_secrets() -> dict[str, str]:
    """The environment for a process that has no business with access tokens, keys and passwords."""
    return {name: value for name, value in os.environ.items() if not _SECRET_NAME.search(name)}
