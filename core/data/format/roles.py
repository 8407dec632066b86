"""Who speaks in a conversation: the roles as datasets name them, and what they are called in sentences."""

from collections.abc import Mapping
from typing import Any

from core.text.sentence import say

_ASSISTANT = (
    "assistant", "gpt", "model", "bot", "chatgpt", "chatbot", "answer", "ai", "llm", "claude", "copilot",
    "github copilot", "function_call", "tool_call", "assistent", "asistente", "assistente", "助手",
)  # fmt: skip
_USER = (
    "user", "human", "prompter", "question", "you", "benutzer", "nutzer", "utilisateur", "usuario", "utente",
    "用户",
)  # fmt: skip
_TOOL = ("tool", "function", "observation", "ipython", "tool_response", "tool_result")
_SYSTEM = ("system", "系统")
_ROLES = {
    **dict.fromkeys(_USER, "user"),
    **dict.fromkeys(_ASSISTANT, "assistant"),
    **dict.fromkeys(_SYSTEM, "system"),
    "developer": "developer",
    **dict.fromkeys(_TOOL, "tool"),
}
CALL_ROLES = ("function_call", "tool_call")  # of messages whose text is a function call in JSON
_MESSAGES = {
    "system": say("system message"),
    "developer": say("developer message"),
    "user": say("user message"),
    "assistant": say("assistant message"),
    "tool": say("tool message"),
}

SPEAKERS = {  # as a sentence has them behind "with"
    "system": say("the system"),
    "developer": say("the developer"),
    "user": say("the user"),
    "tool": say("the tool"),
}


def describe_message(role: str) -> str:
    """What a message of this role is called."""
    return _MESSAGES.get(role) or say("{role} message", role=role)


def role_of(name: Any) -> str | None:
    """The role of a speaker in OpenAI's words; None for a name that is not known."""
    return _ROLES.get(own_name(name).replace("-", "_"))


def speaker_of(message: Mapping[str, Any]) -> Any:
    """Who says a message, under either of the names that datasets use; None where it does not tell."""
    return message.get("role", message.get("from"))


def own_name(name: Any) -> str:
    """A speaker's name as it is looked up."""
    return str(name).strip().lower()


def is_known_role(name: str) -> bool:
    """Whether a name is that of a speaker, in one of the forms that datasets use."""
    return role_of(name) is not None
