"""Conversations as programs for chats save them: LM Studio, Open WebUI, LibreChat and VS Code's Copilot; and
the trees of OpenAssistant, whose replies are ranked.

Each keeps what was asked and answered anew as well; the branch that was last seen is the conversation.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from core.data.format.shapes.common import Values

Messages = list[dict[str, Any]]


def find_app(value: Values) -> tuple[tuple[str, ...], Callable[[Values], Messages]] | None:
    """(the columns that such a row uses, what makes messages of it); None for a row of another kind."""
    messages = value.get("messages")
    if _are_objects(messages) and all("versions" in message for message in messages):
        return tuple(column for column in ("systemPrompt", "messages") if column in value), _lm_studio
    chat = value.get("chat")
    if isinstance(chat, dict) and (_are_objects(chat.get("messages")) or isinstance(chat.get("history"), dict)):
        return ("chat",), _open_webui
    if _are_objects(messages) and all("isCreatedByUser" in message for message in messages):
        return ("messages",), _libre_chat
    if _is_node(value.get("prompt")) and "replies" in value["prompt"]:
        return ("prompt",), _open_assistant
    requests = value.get("requests")
    if _are_objects(requests) and all("message" in request and "response" in request for request in requests):
        return ("requests",), _copilot
    return None


def _are_objects(value: Any) -> TypeGuard[Messages]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _lm_studio(value: Values) -> Messages:
    system = str(value.get("systemPrompt") or "").strip()
    messages: Messages = [{"role": "system", "content": system}] if system else []
    for message in value["messages"]:
        versions, selected = message["versions"], message.get("currentlySelected", -1)
        if not _are_objects(versions):
            continue
        version = versions[selected if isinstance(selected, int) and -1 <= selected < len(versions) else -1]
        steps = version["steps"] if _are_objects(version.get("steps")) else [version]
        texts: dict[bool, str] = {False: "", True: ""}  # by whether it is thinking
        for step in steps:
            style = step.get("style")
            texts[isinstance(style, dict) and style.get("type") == "thinking"] += "".join(_texts(step.get("content")))
        messages.append({"role": version.get("role"), "content": texts[False], "reasoning_content": texts[True]})
    return messages


def _texts(parts: Any) -> Iterator[str]:
    for part in parts if isinstance(parts, list) else [parts]:
        text = part.get("text") if isinstance(part, dict) else part
        if isinstance(text, str):
            yield text


def _open_webui(value: Values) -> Messages:
    chat = value["chat"]
    history = chat.get("history")
    nodes = history.get("messages") if isinstance(history, dict) else None
    branch: Messages = []
    if isinstance(nodes, dict):
        name = history.get("currentId")
        while isinstance(name, str) and isinstance(node := nodes.get(name), dict) and len(branch) < len(nodes):
            branch.append(node)
            name = node.get("parentId")
    turns = branch[::-1] or (chat["messages"] if _are_objects(chat.get("messages")) else [])
    return [{"role": turn.get("role"), "content": turn.get("content")} for turn in turns]


def _libre_chat(value: Values) -> Messages:
    turns: Messages = []
    level = value["messages"]
    if any(_are_objects(message.get("children")) for message in level):
        while _are_objects(level):
            turns.append(level[-1])
            level = level[-1].get("children")
    else:
        turns = level
    return [
        {
            "role": "user" if turn.get("isCreatedByUser") else "assistant",
            "content": turn.get("text") or turn.get("content"),
        }
        for turn in turns
    ]


def _is_node(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("text"), str) and isinstance(value.get("role"), str)


def _open_assistant(value: Values) -> Messages:
    """The branch of the replies that people have ranked first, as in the trees of OpenAssistant."""
    turns: Messages = []
    node: Any = value["prompt"]
    while _is_node(node):
        turns.append({"role": node["role"], "content": node["text"]})
        replies = [reply for reply in node.get("replies") or () if _is_node(reply)]
        ranks = [reply["rank"] if isinstance(reply.get("rank"), int) else len(replies) for reply in replies]
        node = replies[ranks.index(min(ranks))] if replies else None
    return turns


def _copilot(value: Values) -> Messages:
    messages: Messages = []
    for request in value["requests"]:
        asked, answered = request["message"], request["response"]
        parts = [part for part in answered if isinstance(part, dict)] if isinstance(answered, list) else []
        text = "".join(part["value"] for part in parts if isinstance(part.get("value"), str) and "kind" not in part)
        messages.append({"role": "user", "content": asked.get("text") if isinstance(asked, dict) else asked})
        messages.append({"role": "assistant", "content": text})
    return messages
