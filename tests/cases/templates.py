"""What chat templates write of a conversation, as a table: python -m tests.cases.templates FOLDER

FOLDER holds templates as *.jinja files, named after their models.
"""

import sys
from pathlib import Path
from typing import Any

from core.data.format.example import Message
from core.data.tokenize.render import TemplateRefused, render_with_fallbacks
from core.data.tokenize.template_coverage import find_dropped
from tests.core.data.conftest import make_tokenizer

SCHEMA = {"type": "object", "properties": {"town": {"type": "string"}}}
FUNCTION = {"type": "function", "function": {"name": "look_up", "description": "Looks up.", "parameters": SCHEMA}}
CALL = {"id": "call00000", "type": "function", "function": {"name": "look_up", "arguments": {"town": "Rome"}}}


def say(role: str, content: str, **fields: Any) -> Message:
    return {"role": role, "content": content, **fields}


QUESTION, ANSWER = say("user", "Is it warm?"), say("assistant", "It is.")
CASES: dict[str, tuple[list[Message], list[dict[str, Any]]]] = {
    "system": ([say("system", "Be brief."), QUESTION, ANSWER], []),
    "developer": ([say("developer", "Be brief."), QUESTION, ANSWER], []),
    "thinking": ([QUESTION, say("assistant", "It is.", reasoning_content="Rome is hot.")], []),
    "functions": ([QUESTION, ANSWER], [FUNCTION]),
    "calls and results": (
        [QUESTION, say("assistant", "", tool_calls=[CALL]), say("tool", "20 degrees", name="look_up"), ANSWER],
        [FUNCTION],
    ),
    "text beside a call": (
        [QUESTION, say("assistant", "I look.", tool_calls=[CALL]), say("tool", "20 degrees", name="look_up"), ANSWER],
        [FUNCTION],
    ),
}


def judge(messages: list[Message], tools: list[dict[str, Any]], tokenizer: Any) -> str:
    try:
        rendering = render_with_fallbacks(tuple(messages), tuple(tools), tokenizer, False)
    except TemplateRefused:
        return "refused"
    dropped = dict.fromkeys(p.kind for p in find_dropped(messages, tuple(tools), rendering.text, tokenizer))
    if dropped:
        return "drops " + " and ".join(dropped)
    return "in another form" if rendering.note else "yes"


def main() -> None:
    print(f"| template | {' | '.join(CASES)} |")
    print(f"| --- |{' --- |' * len(CASES)}")
    for file in sorted(Path(sys.argv[1]).glob("*.jinja")):
        tokenizer = make_tokenizer(file.read_text(encoding="utf-8"))
        cells = [judge(messages, tools, tokenizer) for messages, tools in CASES.values()]
        print(f"| {file.stem} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
