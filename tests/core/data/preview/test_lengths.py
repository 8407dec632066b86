"""Lengths in tokens, and what a maximum would cut or leave with nothing."""

import json
from pathlib import Path
from typing import Any

from core.data.dataset import load_dataset
from core.data.preview.lengths import NEVER, Lengths, measure_lengths
from core.data.preview.scan import preview_files
from core.data.tokenize.encode import encode_example


def measured(path: Path, tokenizer: Any, kind: str = "text", **options: Any) -> Lengths:
    first = preview_files(path, kind, 10_000)
    *_, last = measure_lengths(first.index, first.meaning, tokenizer, train_on="answers", **options)
    return last


def test_what_a_maximum_does_is_what_the_trainer_would_see(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"question": "q" * (n % 40), "answer": "a" * (n % 70 + 1)} for n in range(1, 300)]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    found, examples = measured(path, tokenizer), load_dataset(path, "text").examples
    assert found.all
    assert len(found.longest) == len(examples)
    for most in (8, 40, 60, 100, 1000):
        rows = [encode_example(e, tokenizer, train_on="answers", max_len=most) for e in examples]
        assert found.cut(most) == sum(row.cut > 0 for row in rows)
        assert found.count_without_targets(most) == sum(not row.mask.any() for row in rows)


def test_many_rows_are_told_from_some_of_all_parts(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join('{"text": "' + "a" * (n // 10) + 'b"}\n' for n in range(3000)))
    found = measured(path, tokenizer, most=300)
    assert (found.looked, found.rows, found.all) == (320, 3000, False)
    assert abs(float(found.longest.mean()) - 151.5) < 15
    assert measured(path, tokenizer, most=None).all


def test_excluded_and_unusable_rows_do_not_count(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a", "completion": "a"}\n{"prompt": "a"}\n{"prompt": "a", "completion": "bb"}\n')
    assert len(measured(path, tokenizer).longest) == 2
    assert measured(path, tokenizer, exclude=["same-as-question"]).longest.tolist() == [4]


def test_of_a_pair_the_longer_text_and_of_a_question_no_start(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "Hi", "chosen": " yes", "rejected": " no"}\n')
    found = measured(path, tokenizer, "pairs")
    assert (found.longest.tolist(), found.starts.tolist()) == ([7], [2])
    asked = measured(path, tokenizer, "questions")
    assert (asked.starts.tolist(), asked.count_without_targets(1)) == ([0], 0)
    empty = Lengths(asked.longest, asked.starts + NEVER, 1, 1)
    assert empty.count_without_targets(1 << 20) == 1
