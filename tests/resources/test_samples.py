"""The sample datasets: current, apart from their held-out parts, and of the shapes that core reads."""

import json
from typing import Any

import pytest

from core import resources
from core.data.dataset import load_dataset as load_data
from core.data.kinds import PAIRS, QUESTIONS, TEXT, UNPAIRED
from core.device.select import select
from core.model.load import load
from resources.make import samples
from resources.make.greedy import answers

SIZES = {"text": (300, 40), "pairs": (240, 60), "thumbs": (300, 60), "questions": (400, 100)}


def rows(shape: str, held: bool = False) -> list[dict[str, Any]]:
    return [json.loads(line) for line in resources.sample(shape, held).read_text().splitlines()]


def prompt(row: dict[str, Any]) -> str:
    return str(row.get("question") or (row.get("prompt") or row["messages"])[0]["content"])


def length(answer: list[dict[str, str]]) -> int:
    return samples.length(answer[0]["content"])


def test_the_files_are_what_the_script_writes() -> None:
    made = dict(samples.files())
    for name, content in made.items():
        assert (resources.FOLDER / "data" / name).read_text() == content, f"{name}: run resources.make.samples again"
    others = {"neutral.jsonl"}  # written by hand: what forgetting is measured on
    assert set(made) | others == {p.name for p in (resources.FOLDER / "data").iterdir()}


@pytest.mark.parametrize("shape", SIZES)
def test_core_reads_every_row_and_nothing_is_on_both_sides(shape: str) -> None:
    kind = {"text": TEXT, "pairs": PAIRS, "thumbs": UNPAIRED, "questions": QUESTIONS}
    for held in (False, True):
        data = load_data(resources.sample(shape, held), kind[shape])
        assert len(data.examples) == data.rows == SIZES[shape][held]
        assert not data.findings
    learned, asked = {prompt(r) for r in rows(shape)}, {prompt(r) for r in rows(shape, True)}
    assert len(learned) == SIZES[shape][0] and len(asked) == SIZES[shape][1]
    assert not learned & asked


def test_every_text_answer_is_a_json_object() -> None:
    for row in rows("text") + rows("text", True):
        assert set(json.loads(row["messages"][1]["content"])) == {"answer"}


def test_length_does_not_give_the_better_answer_away() -> None:
    pairs = rows("pairs")
    longer = sum(length(r["chosen"]) > length(r["rejected"]) for r in pairs)
    assert 0.4 < longer / len(pairs) < 0.6
    thumbs = rows("thumbs")
    good, bad = ([length(r["completion"]) for r in thumbs if r["label"] is label] for label in (True, False))
    assert 0.4 < len(good) / len(thumbs) < 0.6
    assert abs(sum(good) / len(good) - sum(bad) / len(bad)) < 1


def test_answers_of_questions_are_right() -> None:
    sums = [r for r in rows("questions") if " + " in r["question"] or " - " in r["question"]]
    assert len(sums) > 300
    for row in sums:
        parts = [word.strip("?.") for word in row["question"].split()]
        words = [p for p in parts if p.isdigit() or p in ("+", "-")]
        total, sign = 0, "+"
        for word in words:
            if word.isdigit():
                total += int(word) if sign == "+" else -int(word)
            else:
                sign = word
        assert str(total) == row["answer"], row


def test_the_starter_model_has_something_to_learn_from_them() -> None:
    """By itself it writes no JSON, and solves some sums but far from all."""
    starter = load(resources.STARTER, device=select("cpu")["used"])

    def given(shape: str, count: int) -> list[tuple[dict[str, Any], str]]:
        asked = rows(shape, True)[:count]
        messages = [[{"role": "user", "content": prompt(r)}] for r in asked]
        tokens = [
            starter.tokenizer.apply_chat_template(m, add_generation_prompt=True, return_dict=False) for m in messages
        ]
        return list(zip(asked, answers(starter.model, starter.tokenizer, tokens, 60), strict=True))

    assert not any(answer.startswith("{") for _, answer in given("text", 20))
    solved = [answer.rstrip(".").split()[-1] == row["answer"] for row, answer in given("questions", 40)]
    assert 0.2 < sum(solved) / len(solved) < 0.7
