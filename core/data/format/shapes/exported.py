"""Conversations as chat services export them: the conversations.json of ChatGPT, DeepSeek and Claude; those of programs
for chats are in chat_apps.py.

ChatGPT keeps a tree, as questions can be asked and answered anew: the branch that was last seen is the conversation.
What was not shown in it (instructions, searches, code that the assistant ran) is left out, and this is told.
"""

import re
from typing import Any

from core.data.format import conversation as chat
from core.data.format.example import Example, Remark, Unusable
from core.data.format.shapes.chat_apps import find_app
from core.data.format.shapes.common import ParseResult, Shape, Values
from core.data.read.reader import Row
from core.text.sentence import say

NAME = say("Exported chats (ChatGPT, Claude, DeepSeek, LM Studio, Open WebUI, LibreChat, Copilot)")
_NO_CONTENT = ("content_type", "language")  # fields of a message's content
_SOURCE_MARKS = re.compile(r"[ ]?(?:\ue200[^\ue200\ue201]*\ue201|【\d+[:†][^【】\n]{0,200}】)")
_FRAGMENTS = ("REQUEST", "THINK", "RESPONSE")
_TREE, _NEWEST, _LIST = "mapping", "current_node", "chat_messages"


def match_columns(value: Values) -> tuple[str, ...]:
    """Shape.columns of such a row."""
    if _is_tree(value.get(_TREE)):
        return tuple(column for column in (_TREE, _NEWEST) if column in value)
    if _is_list(value.get(_LIST)):
        return (_LIST,)
    app = find_app(value)
    return app[0] if app else ()


def build(row: Row) -> ParseResult:
    """One example, with a remark where a part of the conversation is left out. Raises Unusable."""
    value = row.value
    if _is_tree(value.get(_TREE)):
        branch = _branch(value[_TREE], value.get(_NEWEST))
        turns = [_of_fragments(turn) for node in branch if (turn := node.get("message"))]
        shown = [turn for turn in turns if _is_shown(turn)]
        hidden = sum(_has_text(turn) for turn in turns) - sum(map(_has_text, shown)) + sum(map(_has_marks, shown))
        messages = [
            {
                "role": _inside(turn, "author")["role"],
                "content": _without_marks(_inside(turn, "content").get("parts")),
                "reasoning_content": turn.get("thinking"),
            }
            for turn in shown
            if _has_text(turn)
        ]
    elif app := find_app(value):
        hidden, messages = 0, app[1](value)
    else:
        turns = value[_LIST]
        hidden = sum(bool(turn.get("attachments") or turn.get("files")) for turn in turns)
        hidden += sum(map(_has_thought, turns))
        messages = [{"role": turn["sender"], "content": _claude_text(turn)} for turn in turns]
    if not messages:
        raise Unusable("no-answer", say("The conversation is empty."))
    parsed, remarks = chat.trim_to_last_answer(chat.parse_messages(messages))
    if hidden:
        message = say("1 message of the exported chat is, or has, something that was not shown as text.")
        if hidden > 1:
            message = say(
                "{count:,} messages of the exported chat are, or have, something that was not shown as text.",
                count=hidden,
            )
        remarks = [Remark("not-shown", "warning", message, say("The model learns without it.")), *remarks]
    return (Example(row.line, messages=parsed),), remarks


def _claude_text(turn: dict[str, Any]) -> Any:
    """What Claude's export has as text: of parts these alone, as its plain text says of others that they are not
    supported."""
    parts = turn.get("content")
    texts = [part["text"] for part in parts if _is_text_part(part)] if isinstance(parts, list) else []
    return "\n\n".join(texts) or turn.get("text") or parts


def _is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type", "text") == "text" and isinstance(part.get("text"), str)


def _without_marks(parts: Any) -> Any:
    """The parts of a message of ChatGPT's without the marks of sources in their texts, which it shows as links."""
    if not isinstance(parts, list):
        return parts
    return [_SOURCE_MARKS.sub("", part) if isinstance(part, str) else part for part in parts]


def _has_marks(turn: dict[str, Any]) -> bool:
    parts = _inside(turn, "content").get("parts")
    return bool(_without_marks(parts) != parts)


def _is_tree(nodes: Any) -> bool:
    return isinstance(nodes, dict) and bool(nodes) and all(map(_is_node, nodes.values()))


def _is_node(node: Any) -> bool:
    return isinstance(node, dict) and "parent" in node and isinstance(node.get("message"), dict | None)


def _is_list(turns: Any) -> bool:
    return isinstance(turns, list) and all(isinstance(turn, dict) and "sender" in turn for turn in turns)


def _has_thought(turn: dict[str, Any]) -> bool:
    """Whether Claude thought or used a tool before an answer, which its text leaves out."""
    parts = turn.get("content") if turn.get("text") else None
    return isinstance(parts, list) and any(
        isinstance(part, dict) and part.get("type", "text") not in ("text", "tool_result") for part in parts
    )


def _branch(nodes: dict[str, Any], newest: Any) -> list[dict[str, Any]]:
    """The nodes from the root to the one that was last seen; to the last one of the tree where none is named."""
    name = newest if _is_name(newest, nodes) else next(reversed(nodes))
    branch: list[dict[str, Any]] = []
    while _is_name(name, nodes) and len(branch) < len(nodes):
        branch.append(nodes[name])
        name = nodes[name]["parent"]
    return branch[::-1]


def _is_name(name: Any, nodes: dict[str, Any]) -> bool:
    return isinstance(name, str) and name in nodes


def _of_fragments(turn: dict[str, Any]) -> dict[str, Any]:
    """A message of DeepSeek's, which is a list of what was asked, thought and answered, as one of ChatGPT's; any other
    one as it is."""
    fragments = [part for part in turn.get("fragments") or () if isinstance(part, dict)]
    if not fragments:
        return turn
    texts = {
        kind: [str(part.get("content") or "") for part in fragments if part.get("type") == kind] for kind in _FRAGMENTS
    }
    role = "user" if texts["REQUEST"] else "assistant"
    return {
        "author": {"role": role},
        "content": {"content_type": "text", "parts": texts["REQUEST"] or texts["RESPONSE"]},
        "thinking": "\n".join(texts["THINK"]),
    }


def _is_shown(turn: dict[str, Any]) -> bool:
    """Whether a message is one that the person wrote, or an answer to the person."""
    return (
        _inside(turn, "author").get("role") in ("user", "assistant")
        and turn.get("recipient", "all") == "all"
        and not _inside(turn, "metadata").get("is_visually_hidden_from_conversation")
        and _inside(turn, "content").get("content_type") in ("text", "multimodal_text")
    )


def _has_text(turn: dict[str, Any]) -> bool:
    """Whether a message holds anything: the tree has empty ones."""
    content = _inside(turn, "content")
    return any(content[key] not in (None, "", [], [""]) for key in content if key not in _NO_CONTENT)


def _inside(turn: dict[str, Any], key: str) -> dict[str, Any]:
    value = turn.get(key)
    return value if isinstance(value, dict) else {}


SHAPE = Shape(NAME, "", match_columns, build)
