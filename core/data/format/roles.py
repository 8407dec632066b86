"""Who speaks in a conversation: the roles as datasets name them, and what they are called in sentences."""

from core.text.sentence import say

ROLES = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "question": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "chatbot": "assistant",
    "answer": "assistant",
    "function_call": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
}
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


def is_known_role(name: str) -> bool:
    """Whether a name is that of a speaker, in one of the forms that datasets use."""
    return name.strip().lower() in ROLES
