"""hone data inspect, where nothing can be used: the most frequent problem is told."""

import argparse
import json
from pathlib import Path

import pytest

from core.cli import data
from core.errors import BadData


def test_the_most_frequent_problem_is_told_where_it_is_met_first(tmp_path: Path) -> None:
    rows = [{"type": "session"}, {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Yes."}]
    file = tmp_path / "session.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    parser = argparse.ArgumentParser()
    data.add(parser.add_subparsers())
    args = parser.parse_args(["data", "inspect", str(file)])
    with pytest.raises(BadData) as error:
        data.run(args, print)
    assert str(error.value).startswith(f"{file}, line 2: The row is a single message of a conversation")
