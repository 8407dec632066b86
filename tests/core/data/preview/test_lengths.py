"""Lengths in tokens, and what a maximum would cut or leave with nothing."""

import json
from pathlib import Path
from typing import Any

from core.data.dataset import load_dataset
from core.data.preview.lengths import NEVER, Lengths, measure_lengths
from core.data.preview.scan import preview_files
from core.data.tokenize.encode import encode_example


def measure(path: Path, tokenizer: Any, kind: str = "text", **options: Any) -> Lengths:
    first = preview_files(path, kind, 10_000)
    *_, last = measure_lengths(first.index, first.parser, tokenizer, train_on="answers", **options)
    return last


def test_what_a_maximum_does_is_what_the_trainer_would_see(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [{"question": "q" * (n % 40), "answer": "a" * (n % 70 + 1)} for n in range(1, 300)]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    lengths, examples = measure(path, tokenizer), load_dataset(path, "text").examples
    assert lengths.is_complete
    assert len(lengths.longest) == len(examples)
    for max_len in (8, 40, 60, 100, 1000):
        rows = [encode_example(e, tokenizer, train_on="answers", max_len=max_len)[0] for e in examples]
        assert lengths.count_cut(max_len) == sum(row.cut > 0 for row in rows)
        assert lengths.count_without_targets(max_len) == sum(not row.mask.any() for row in rows)


def test_many_rows_are_told_from_some_of_all_parts(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join('{"text": "' + "a" * (n // 10) + 'b"}\n' for n in range(3000)))
    lengths = measure(path, tokenizer, max_rows=300)
    assert (lengths.rows_read, lengths.rows, lengths.is_complete) == (320, 3000, False)
    assert abs(float(lengths.longest.mean()) - 151.5) < 15
    assert measure(path, tokenizer, max_rows=None).is_complete


def test_excluded_and_unusable_rows_do_not_count(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a", "completion": "a"}\n{"prompt": "a"}\n{"prompt": "a", "completion": "bb"}\n')
    assert len(measure(path, tokenizer).longest) == 2
    assert measure(path, tokenizer, exclude=["same-as-question"]).longest.tolist() == [4]


def test_of_a_pair_the_longer_text_and_of_a_question_no_start(tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "Hi", "chosen": " yes", "rejected": " no"}\n')
    lengths = measure(path, tokenizer, "pairs")
    assert (lengths.longest.tolist(), lengths.starts.tolist()) == ([7], [2])
    prompts = measure(path, tokenizer, "questions")
    assert (prompts.starts.tolist(), prompts.count_without_targets(1)) == ([0], 0)
    empty = Lengths(prompts.longest, prompts.starts + NEVER, 1, 1)
    assert empty.count_without_targets(1 << 20) == 1
