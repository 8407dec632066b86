"""What a person can put right. Each is one clear sentence; anything else that is raised is a bug."""


class UserError(Exception):
    """Base of everything a person can put right: shown as one sentence, exit code 2, no traceback."""


class BadOption(UserError):
    """An option that does not exist, has the wrong type, is out of range, or contradicts another."""


class BadData(UserError):
    """A dataset that cannot be used, with file and line where there is one."""


class BadModel(UserError):
    """A model or adapter that is missing, incomplete, unsupported, or not allowed."""


class Unavailable(UserError):
    """Something this machine lacks: disk space, permission, network, memory, a device."""
