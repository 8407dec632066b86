"""samples.jsonl gives back what was written, to the last digit, and says where it is broken."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import BadData
from core.rollouts.samples_file import Rollout, RolloutGroup, groups_by_step, read_samples
from core.text.sentence import Sentence, say

GROUP = RolloutGroup(
    step=3,
    prompt_ids=(1, 2),
    rollouts=(
        Rollout((4, 5), 1.25, (-0.123456789, -2.0), "näh", False, 0.5, {"numeric": 1.0}, {"numeric": "5 is right"}),
        Rollout((6,), math.nan, None, "", True),
    ),
    prompt="2 + 3?",
    expected="5",
    line=7,
    row=4,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text(GROUP.to_json() + "\n" + GROUP.to_json()[:20], encoding="utf-8")  # the second was cut by a crash
    (record,) = read_samples(file)
    assert record.to_json() == GROUP.to_json()
    assert record.rollouts[0] == GROUP.rollouts[0] and math.isnan(record.rollouts[1].reward)


def test_reasons_can_be_said_in_another_language_again(tmp_path: Path) -> None:
    reason = say("{result} is right", result="5")
    rollout = replace(GROUP.rollouts[0], reasons={"numeric": reason, "file": "own.py"})
    file = tmp_path / "samples.jsonl"
    file.write_text(replace(GROUP, rollouts=(rollout,)).to_json() + "\n", encoding="utf-8")
    assert json.loads(file.read_text("utf-8"))["answers"][0]["why"]["numeric"] == "5 is right"  # for other programs
    (record,) = read_samples(file)
    reasons = record.rollouts[0].reasons
    assert reasons == {"numeric": "5 is right", "file": "own.py"}
    assert isinstance(reasons["numeric"], Sentence) and reasons["numeric"].words == "{result} is right"


def test_groups_belong_to_the_step_that_learns_from_them() -> None:
    groups = [
        RolloutGroup(s, (1,), GROUP.rollouts, trained_on=k) for s, k in ((1, True), (1, False), (4, True), (1, True))
    ]
    assert groups_by_step(groups) == [[groups[0], groups[3]], [groups[2]]]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{", "line 2 holds no recorded answers"),
        ("[1]", "line 2 holds no recorded answers"),
        ('{"answers": [], "prompt_ids": [1]}', "line 2: a question without tokens"),
        ('{"answers": [{"ids": [1]}], "prompt_ids": [1]}', "'reward' is missing"),
        ('{"answers": [{"ids": [1], "reward": 1}]}', "'prompt_ids' is missing"),
        ('{"answers": [{"ids": [1], "reward": 1, "logps": [-1, -2]}], "prompt_ids": [1]}', "more tokens than log-prob"),
        ('{"answers": [{"ids": [999], "reward": 1}], "prompt_ids": [1]}', "a token that this model does not have"),
        ('{"answers": [{"ids": [-1], "reward": 1}], "prompt_ids": [1]}', "a token that this model does not have"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, sentence: str) -> None:
    file = tmp_path / "samples.jsonl"
    file.write_text(GROUP.to_json() + "\n" + line + "\n")
    with pytest.raises(BadData, match=sentence) as error:
        list(read_samples(file, vocabulary=100))
    assert str(file) in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="cannot be read"):
        list(read_samples(tmp_path / "no.jsonl"))


def test_it_is_plain_json() -> None:
    record = json.loads(GROUP.to_json())
    assert record["answers"][0]["rewards"] == {"numeric": 1.0} and record["answers"][1]["reward"] is None
