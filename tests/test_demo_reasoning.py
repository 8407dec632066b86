"""The demo of learning by trial: hone grpo and hone dapo with nothing else make the starter model solve its sums."""

import re
from pathlib import Path

import pytest

from core.__main__ import main
from core.easy import dapo, grpo

LEAD = 0.25  # of the unseen questions, at least


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("method", ["grpo", "dapo"])
def test_it_learns_to_think_before_it_answers(method: str, seed: int, tmp_path: Path) -> None:
    builder = {"grpo": grpo, "dapo": dapo}[method]("starter", "demo").seed(seed).output(tmp_path / "run")
    finished = builder.run().finished
    solved_before, solved_after = finished.metrics_before["solved"], finished.metrics_after["solved"]
    assert solved_after - solved_before >= LEAD, f"{solved_before:.0%} → {solved_after:.0%}"
    assert f"{solved_before:.0%} → {solved_after:.0%}" in finished.message


def test_a_few_steps_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "--steps 2 --batch-size 2 --group-size 4 --max-completion-length 24 --eval-questions 8 --samples 0 --seed 1"
    assert main(["grpo", *words.split(), "--reasoning-rewards", "--output", str(tmp_path / "run")]) == 0
    output = capsys.readouterr().out
    assert re.search(r"step +2 .* reward_numeric .* flat_groups ", output)
    assert re.search(r"it solves \d+% → \d+% of \d+ unseen", output)
    assert (tmp_path / "run" / "samples.jsonl").read_text().count("\n") == 4
