"""What is pasted is kept in a file whose ending says how it is written."""

from pathlib import Path

import pytest

from app.desktop.paste import save_rows


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ('{"prompt": "Hi", "completion": "Ho"}\n{"prompt": "He", "completion": "Ha"}', ".jsonl"),
        ('{"a":' * 9000, ".json"),
    ],
)
def test_the_ending_is_that_of_the_rows(tmp_path: Path, text: str, ending: str) -> None:
    path = save_rows(text, tmp_path)
    assert path is not None and path.suffix == ending and path.read_text() == f"{text}\n"
