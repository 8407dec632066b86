"""Conversations as Gemini has them: functions, and what is no text."""

import json
from pathlib import Path
from typing import Any

from core.data.dataset import load_dataset

TOOLS = [
    {
        "functionDeclarations": [
            {"name": "add", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "NUMBER"}}}}
        ]
    }
]
CONTENTS = [
    {"role": "user", "parts": [{"text": "1+1?"}]},
    {"role": "model", "parts": [{"functionCall": {"name": "add", "args": {"a": 1}}}]},
    {"role": "user", "parts": [{"functionResponse": {"name": "add", "response": {"sum": 2}}}]},
    {"role": "model", "parts": [{"text": "Two ones.", "thought": True}, {"text": "2"}]},
]


def load(tmp_path: Path, row: dict[str, Any], **options: Any) -> Any:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return load_dataset(path, "text", **options)


def test_functions_are_declared_called_and_answered(tmp_path: Path) -> None:
    (example,) = load(tmp_path, {"tools": TOOLS, "contents": CONTENTS}).examples
    (tool,) = example.tools
    assert tool["function"]["name"] == "add"
    assert tool["function"]["parameters"] == {"type": "object", "properties": {"a": {"type": "number"}}}
    _, called, given, answered = example.messages
    assert called["role"] == "assistant" and called["tool_calls"][0]["function"] == {
        "name": "add",
        "arguments": {"a": 1},
    }
    assert given == {"role": "tool", "content": '{"sum": 2}'}
    assert answered["content"] == "2" and answered["reasoning_content"] == "Two ones."


def test_the_text_of_a_message_with_a_picture_can_be_learned_alone(tmp_path: Path) -> None:
    picture = {"role": "user", "parts": [{"text": "What is it?"}, {"fileData": {"fileUri": "gs://a"}}]}
    row = {"contents": [picture, CONTENTS[-1]]}
    (example,) = load(tmp_path, row, exclude=["not-text"]).examples
    assert example.messages[0]["content"] == "What is it?"
