"""What a person can put right. Each is one clear sentence; anything else that is raised is a bug."""

from core.text.sentence import shorten


class UserError(Exception):
    """Base of everything a person can put right: shown as one sentence, exit code 2, no traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(shorten(message))


class BadOption(UserError):
    """An option that does not exist, has the wrong type, is out of range, or contradicts another."""


class ChangedInputs(BadOption):
    """What a run that is to go on learns from is not what it was; `changes` names each of it in words."""

    def __init__(self, message: str, changes: tuple[str, ...]) -> None:
        super().__init__(message)
        self.changes = changes


class BadData(UserError):
    """A dataset that cannot be used, with file and line where there is one."""


class BadModel(UserError):
    """A model or adapter that is missing, incomplete, unsupported, or not allowed."""


class Gated(BadModel, BadData):
    """A model or dataset of the Hub whose owner wants its terms accepted first, on the page `url`, or a token."""

    def __init__(self, message: str, url: str) -> None:
        super().__init__(message)
        self.url = url


class CodeRefused(BadModel, BadOption):
    """Python code of a model or a reward file that a person has not allowed to run yet."""


class Unavailable(UserError):
    """Something this machine lacks: disk space, permission, network, memory, a device."""
