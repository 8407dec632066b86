"""Datasets for the screenshots, written into the home folder that the script has made for itself."""

import os
from pathlib import Path

ROWS = 120

UNKNOWN_COLUMNS = "aufgabe,loesung,einheit\n" + "".join(f"Wie lang ist Stück {n}?,{n},Meter\n" for n in range(30))
LOST_FUNCTIONS = (
    '{"messages": [{"role": "user", "content": "Is it warm in Oslo?"}, {"role": "assistant", "content": "", '
    '"tool_calls": [{"function": {"name": "get_weather", "arguments": {"town": "Oslo"}}}]}, {"role": "tool", '
    '"content": "21 degrees"}, {"role": "assistant", "content": "Yes, it has 21 degrees."}], "tools": '
    '[{"name": "get_weather", "description": "The weather of a town"}]}\n'
)
ROWS_BY_KIND = {
    "pairs": '{"prompt": [{"role": "user", "content": "What is @ plus 3?"}], "chosen": [{"role": "assistant", '
    '"content": "It is @ and 3 more."}], "rejected": [{"role": "assistant", "content": "Who knows?"}]}\n',
    "thumbs": '{"messages": [{"role": "user", "content": "What is @ plus 3?"}, '
    '{"role": "assistant", "content": "It is @ and 3 more."}], "label": true}\n',
    "questions": '{"question": "What is @ times 10?", "answer": "Ten times @ is @0.\\n#### @0"}\n',
}


def write_file(name: str, text: str) -> Path:
    path = Path(os.environ["HOME"]) / name
    path.write_text(text, encoding="utf-8")
    return path


def write_rows(good: bool) -> Path:
    """A dataset in the home folder; the one that is not good has rows with problems."""
    path = Path(os.environ["HOME"]) / ("questions.jsonl" if good else "mixed.jsonl")
    lines = [
        f'{{"messages": [{{"role": "user", "content": "What is {i} plus {i + 3}?{" Say how." * (i % 23)}"}}, '
        f'{{"role": "assistant", "content": "{{\\"sum\\": {2 * i + 3}}}{" Count on." * (i % 17)}"}}]}}'
        for i in range(ROWS)
    ]
    if not good:
        lines[3] = '{"messages": [{"role": "user", "content": "Never answered"}]}'
        lines[7] = '{"messages": [{"role": "user", "content": "Broken"'
        lines[9] = lines[8]
        lines[11] = lines[11].replace("What is", "Tell {{name}} what is")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
