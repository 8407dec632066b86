"""A small, fixed part of the fuzz test; `python -m tests.reliability fuzz` does as much as one has time for."""

import random
from pathlib import Path

import pytest

from core.errors import UserError
from tests.reliability import fuzz, inputs
from tests.reliability.mutate import DAMAGES, mutate
from tests.reliability.readers import Reader, outcome, prepare, readers

QUICK = ("rows.jsonl", "rows.json", "rows.csv", "rows.jsonl.gz", "run.toml", "events.jsonl", "samples.jsonl")


@pytest.mark.parametrize("reader", readers(), ids=lambda reader: reader.name)
def test_a_valid_file_is_read(tmp_path: Path, reader: Reader) -> None:
    prepare(reader, tmp_path)
    for example in reader.examples:
        (tmp_path / reader.name).write_bytes(example)
        try:
            reader.read(tmp_path)
        except UserError:  # not every kind of data is in every form
            assert reader.name.startswith("rows")


@pytest.mark.parametrize("name", QUICK)
def test_damaged_files_give_values_or_one_sentence(tmp_path: Path, name: str) -> None:
    reader = next(reader for reader in readers() if reader.name == name)
    prepare(reader, tmp_path)
    for number in range(60):
        (tmp_path / name).write_bytes(fuzz.damaged(reader, 1, number))
        assert outcome(reader, tmp_path) in ("read", "refused")


def test_mutations_differ_and_follow_from_the_seed() -> None:
    data = b'{"text": "a", "step": 12}\n' * 4
    made = [mutate(random.Random(n), data) for n in range(200)]
    assert made == [mutate(random.Random(n), data) for n in range(200)]
    assert len(set(made)) > 180
    for damage in DAMAGES:
        assert any(damage(random.Random(n), data) != data for n in range(10))


@pytest.mark.slow
def test_failures_are_counted_and_their_files_kept(tmp_path: Path) -> None:
    """A reader that ends its process, and one that raises what is not Hone's, in the processes that fuzz() starts."""
    reader = next(reader for reader in readers() if reader.name == "resolved.json")
    count = fuzz.fuzz(reader, 30, 1, tmp_path)
    assert (count.files, count.read + count.refused, count.failures) == (30, 30, [])
    missing = Reader("resolved.json.unknown", reader.examples, reader.read, 1)  # no worker knows it, so each one ends
    count = fuzz.fuzz(missing, 2, 1, tmp_path)
    assert len(count.failures) == 2
    assert (tmp_path / "1-0-resolved.json.unknown").read_bytes() == fuzz.damaged(missing, 1, 0)


def test_bad_inputs_are_at_least_900() -> None:
    by_name = {reader.name: reader for reader in readers()}
    made = [data for name in inputs.NAMES for _, data in inputs.damages(by_name[name].examples[0])]
    assert len(made) >= 900
    assert len(set(made)) >= 900


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fuzz(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.run(20_000, 0, [], 7, tmp_path) == 0, capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inputs.run(tmp_path) == 0, capsys.readouterr().out
