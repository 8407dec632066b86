"""Pairs whose scores say the opposite."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.data.dataset import load_dataset

PAIR = {"prompt": "2+2?", "chosen": "Four.", "rejected": "Five."}


def codes(tmp_path: Path, row: dict[str, Any], kind: str = "pairs", **options: Any) -> list[str]:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({**row, "prompt": f"{n}+2?"}) + "\n" for n in range(3)))
    dataset = load_dataset(path, kind, **options)
    return [f.code for f in dataset.findings]


@pytest.mark.parametrize(
    "scores",
    [
        {"score_chosen": 4.0, "score_rejected": 7.5},
        {"chosen_score": "4", "rejected_score": "7"},
        {"chosen-avg-rating": 4, "rejected-avg-rating": 7},
        {"Reward_Chosen": -3, "Reward_Rejected": -1.5},
    ],
)
def test_a_rejected_answer_with_the_higher_score_is_told(tmp_path: Path, scores: dict[str, Any]) -> None:
    assert codes(tmp_path, PAIR | scores).count("worse-chosen") == 3
    better = dict(zip(scores, reversed(scores.values()), strict=True))
    assert "worse-chosen" not in codes(tmp_path, PAIR | better)


@pytest.mark.parametrize("kind", ["text", "thumbs"])
def test_it_is_told_too_where_the_chosen_answer_is_learned_in_another_way(tmp_path: Path, kind: str) -> None:
    assert codes(tmp_path, PAIR | {"score_chosen": 4, "score_rejected": 7}, kind).count("worse-chosen") == 3


@pytest.mark.parametrize(
    "scores",
    [
        {"score_chosen": 5, "score_rejected": 5},
        {"score_chosen": None, "score_rejected": 7},
        {"score_chosen": [1, 2], "score_rejected": "good"},
        {"score_chosen": 4},
        {"chosen_length": 4, "rejected_length": 7},
        {"underscored_unchosen": 4, "underscored_unrejected": 7},
    ],
)
def test_other_columns_say_nothing(tmp_path: Path, scores: dict[str, Any]) -> None:
    assert "worse-chosen" not in codes(tmp_path, PAIR | scores)


def test_such_pairs_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [PAIR | {"prompt": f"{n}?", "score_chosen": n, "score_rejected": 1.5} for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    examples = load_dataset(path, "pairs", exclude=["worse-chosen"]).examples
    assert [example.line for example in examples] == [3, 4]
    told = str(next(f for f in load_dataset(path, "pairs").findings if f.code == "worse-chosen"))
    assert "line 1" in told and "has the higher score, 1.5; the chosen one has 0 (score_chosen)" in told
