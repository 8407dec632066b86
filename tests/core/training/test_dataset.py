"""A run's rows: what is cut or left out, and that it is said."""

import json
from pathlib import Path

from core.data.tokenize.token_store import TokenStore as Arrays
from tests.core.training.loaded_rows import FILES, rows


def test_rows_that_are_too_long_are_cut_and_those_with_nothing_left_are_left_out() -> None:
    dataset, warned = rows(path=FILES / "over-long.jsonl", max_seq_len=100, eval_split=0.0)
    assert [len(r.tokens) for r in dataset.train] == [12, 100]
    assert all(r.mask.any() for r in dataset.train)
    assert warned["cut"] == "1 of 3 rows are longer than 100 tokens and are cut at the end."
    assert warned["no-target"] == "1 of 3 rows have nothing to learn within 100 tokens and are left out."
    assert (dataset.facts.cut, dataset.facts.dropped) == (1, 1)


def test_many_rows_stay_arrays_even_if_some_have_nothing_to_learn(tmp_path: Path) -> None:
    texts = [f'{{"prompt": "What is {n}?", "completion": "It is {n}."}}\n' for n in range(2100)]
    path = tmp_path / "many.jsonl"
    path.write_text("".join(texts))
    dataset, _ = rows(path=path, eval_split=0.0)
    assert isinstance(dataset.train, Arrays) and len(dataset.train) == 2100
    path.write_text("".join(texts) + json.dumps({"prompt": "x" * 5000, "completion": "y"}) + "\n")
    dataset, warned = rows(path=path, eval_split=0.0, max_seq_len=200)
    assert isinstance(dataset.train, Arrays) and len(dataset.train) == 2100
    assert [row.line for row in dataset.train[2098:]] == [2099, 2100]
    assert "no-target" in warned
