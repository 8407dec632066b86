"""The corpus: the same every time, and nothing held out is ever trained on."""

import itertools
import json
import re
from pathlib import Path

import pytest

from resources.make import tasks
from resources.make.corpus import Row, held_out_rows, train_rows, write

HELD = 60  # of each kind


@pytest.fixture(scope="module")
def trained() -> list[Row]:
    return list(itertools.islice(train_rows(0), 15_000))


@pytest.fixture(scope="module")
def held() -> list[Row]:
    return list(held_out_rows(0, HELD))


def turns(row: Row, roles: tuple[str, ...]) -> list[str]:
    return [m["content"] for m in row["messages"] if m["role"] in roles]


def plain(text: str) -> str:
    """What phrasing.vary() leaves of a prompt: small letters, no marks."""
    return re.sub(r"[\s.,!?]+", " ", text.lower()).strip()


def test_the_same_seed_gives_the_same_rows() -> None:
    first, again, other = (list(itertools.islice(train_rows(seed), 300)) for seed in (0, 0, 1))
    assert first == again != other
    assert list(held_out_rows(0, 5)) == list(held_out_rows(0, 5))


def test_no_held_out_conversation_is_trained_on(trained: list[Row], held: list[Row]) -> None:
    """Nothing that was answered in training, with or without its system message, is asked when measuring."""
    answered = set()
    for row in trained:
        messages = row["messages"]
        for n, message in enumerate(messages):
            if message["role"] == "assistant":
                before = [m["content"] for m in messages[:n]]
                answered.add(plain(" ".join(before)))
                answered.add(plain(" ".join(before[messages[0]["role"] == "system" :])))
    asked = {plain(" ".join(m["content"] for m in row["messages"])) for row in held}
    assert len(asked) > 0.6 * HELD * len(tasks.load())  # some kinds have fewer
    assert not answered & asked


def test_every_kind_is_held_out_and_no_question_twice(held: list[Row]) -> None:
    assert {row["kind"] for row in held} == set(tasks.load())
    assert len({json.dumps(row["messages"]) for row in held}) == len(held)
    assert all(row["messages"][-1]["role"] == "user" for row in held)


def test_rows_alternate_and_end_with_an_answer() -> None:
    for row in itertools.islice(train_rows(2), 2000):
        roles = [m["role"] for m in row["messages"]]
        if roles[0] == "system":
            roles = roles[1:]
        assert roles == ["user", "assistant"] * (len(roles) // 2) and roles


def test_the_corpus_writes_no_json_objects_and_thinks_only_about_sums(trained: list[Row]) -> None:
    answers = [a for row in trained for a in turns(row, ("assistant",))]
    assert not any(a.startswith('{"') for a in answers)
    thinking = [a for a in answers if "<think>" in a]
    assert thinking and all(re.fullmatch(r"<think>\n[-+= \d\n]+\n</think>\n\nThe answer is \d+\.", a) for a in thinking)


def test_written_as_one_row_a_line(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    assert write(itertools.islice(train_rows(0), 20), path) == 20
    assert [json.loads(line) for line in path.read_text().splitlines()] == list(itertools.islice(train_rows(0), 20))
