"""Runs that tests/reference draws by chance to compare Hone with TRL: the same from a seed, of every kind, valid."""

from pathlib import Path

from tests.reference.compare_drawn import as_run
from tests.reference.drawn import DATA, FAMILIES, draw

EOS = '{"eos_token_id": 7}'


def test_a_seed_draws_the_same_runs_of_every_kind() -> None:
    runs = draw(3, 140)
    assert runs == draw(3, 140) and runs[:7] == draw(3, 7) and runs != draw(4, 140)
    assert {run["method"] for run in runs} == set(DATA)
    assert {run["family"] for run in runs} == set(FAMILIES)
    assert {run["adapter"]["type"] for run in runs} == {"lora", "dora", "full"}
    assert {run["base"] for run in runs} == {"none", "nf4", "fp4", "int8"}


def test_hone_takes_every_drawn_run(tmp_path: Path) -> None:
    for case in draw(5, 35):
        place = tmp_path / case["name"]
        (place / "model").mkdir(parents=True)
        (place / "model" / "config.json").write_text(EOS)
        run = as_run(case, place).check()
        assert run.method == case["method"] and run.train.steps == case["train"]["steps"]
