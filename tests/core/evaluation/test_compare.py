"""Models on the same rows: hand-made rows with known p-values, and two models from end to end."""

import csv
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.errors import BadOption
from core.evaluation.compare import compare, write_csv, write_markdown
from core.evaluation.evaluate import Evaluation
from core.evaluation.rows import EvaluatedRow
from core.events import Evaluated, Walked
from core.rewards import RewardSettings
from core.run import Run
from core.train import train


def evaluation(name: str, losses: list[float], right: list[int], **scores: list[float]) -> Evaluation:
    rows = [
        EvaluatedRow(
            line, loss, "q", "a", "b", {"exact_match": float(ok)} | {n: v[line - 1] for n, v in scores.items()}
        )
        for line, (loss, ok) in enumerate(zip(losses, right, strict=True), 1)
    ]
    share = sum(right) / len(right)
    return Evaluation(name, sum(losses) / len(losses), {"exact_match": share}, rows)


def test_right_and_wrong_by_the_exact_test() -> None:
    """15 of 18 rows that only one solves: p = 2 × (1 + 18 + 153 + 816) / 2^18 = 0.0075."""
    first = evaluation("A", [1.0] * 60, [1] * 3 + [0] * 15 + [1] * 42)
    second = evaluation("B", [1.0] * 60, [0] * 3 + [1] * 15 + [1] * 42)
    found = {c.metric: c for c in compare(first, second)}["exact_match"]
    assert (found.wins, found.losses, found.rows) == (15, 3, 60) and found.p == 2 * 988 / 2**18
    assert found.sentence == "B solves 12 more of 60 (paired, p = 0.008)."
    turned = {c.metric: c for c in compare(second, first)}["exact_match"]
    assert turned.sentence == "B solves 12 more of 60 (paired, p = 0.008)."


def test_few_rows_may_be_chance() -> None:
    found = {c.metric: c for c in compare(evaluation("A", [2.0] * 4, [0] * 4), evaluation("B", [1.0] * 4, [1] * 4))}
    assert found["exact_match"].p == found["loss"].p == 2 / 16
    chance = "but the difference may be chance (paired, p = 0.12)."
    assert found["exact_match"].sentence == f"B solves 4 more of 4, {chance}"
    assert found["loss"].sentence == f"B has the lower loss per row, 1 against 2 over 4 rows, {chance}"
    same = compare(evaluation("A", [2.0], [1]), evaluation("B", [2.0], [1]))
    assert [c.sentence for c in same] == [
        "Both have the same mean loss per row over 1 row.",
        "Both solve as many of 1.",
    ]


def test_a_higher_reward_is_better_and_a_lower_loss() -> None:
    first = evaluation("A", [1.0] * 6, [0] * 6, numeric=[0.5] * 6)
    second = evaluation("B", [1.5] * 6, [0] * 6, numeric=[0.9] * 6)
    found = {c.metric: c for c in compare(first, second)}
    assert found["loss"].sentence == "A has the lower loss per row, 1 against 1.5 over 6 rows (paired, p = 0.03)."
    assert (
        found["numeric"].sentence
        == "B has the higher reward 'numeric', 0.9 against 0.5 over 6 rows (paired, p = 0.03)."
    )
    assert found["loss"].losses == found["numeric"].wins == 6


def test_rows_that_are_not_the_same_and_rows_without_a_number() -> None:
    first = evaluation("A", [1.0, float("nan"), 2.0], [1, 1, 1])
    assert compare(first, evaluation("B", [1.0, 1.0, 1.0], [1, 1, 1]))[0].rows == 2
    with pytest.raises(BadOption, match="not measured on the same rows"):
        compare(first, evaluation("B", [1.0], [1]))


def test_the_tables_hold_every_model_and_every_row() -> None:
    evaluations = [evaluation("A|1", [1.0, 2.0], [1, 0]), evaluation("B", [1.0, 1.0], [1, 1])]
    page = write_markdown(evaluations, compare(*evaluations)).splitlines()
    assert page[0] == "| Model | Loss | Sample answers as expected |"
    assert page[2:4] == ["| A\\|1 | 1.5000 | 0.5 |", "| B | 1.0000 | 1 |"]
    assert page[7].startswith("| A\\|1 → B | loss per row | 2 | 1.5 | 1 | 1 | 0 | 1.00 | B has the lower loss per row")
    rows = list(csv.DictReader(write_csv(evaluations).splitlines()))
    assert [(r["model"], r["line"], r["loss"], r["exact_match"]) for r in rows] == [
        ("A|1", "1", "1.0", "1.0"),
        ("A|1", "2", "2.0", "0.0"),
        ("B", "1", "1.0", "1.0"),
        ("B", "2", "1.0", "1.0"),
    ]


def test_models_from_end_to_end(
    make_run: Callable[..., Run], data_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(train={"steps": 20})
    list(train(run))
    table, rows = tmp_path / "table.md", tmp_path / "rows.csv"
    words = ["eval", "--model", run.model.path, "--compare", str(run.output), "--dataset", str(data_file), "--backend"]
    words += ["cpu", "--answers", "3", "--max-tokens", "4", "--rewards", "length,regex=2", "--reward-pattern", "."]
    assert main([*words, "--output", str(table), "--output", str(rows)]) == 0
    out = capsys.readouterr().out
    assert "run has the lower loss per row, " in out and "over 20 rows (paired, p < 0.001)." in out
    assert "Both solve as many of 3." in out and f"Saved: {table}" in out
    assert table.read_text(encoding="utf-8").count("has the lower loss per row") == 1
    records = list(csv.DictReader(rows.read_text(encoding="utf-8").splitlines()))
    assert len(records) == 40 and [r["line"] for r in records[:20]] == [str(n) for n in range(1, 21)]
    for r in records[:3]:
        assert float(r["reward"]) == pytest.approx(float(r["length"]) + 2 * float(r["regex"]))
    assert records[3]["reward"] == records[3]["answer"] == ""
    assert main([*words, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["comparison"]["metric"] for line in lines if "comparison" in line][:2] == ["loss", "exact_match"]


def test_the_rows_losses_are_those_of_the_whole(model_folder: Path, data_file: Path) -> None:
    from core.evaluation.evaluate import evaluate

    arguments: dict[str, Any] = {"answers": 2, "max_tokens": 4, "rewards": {"length": 1.0}}
    events = Walked(evaluate(str(model_folder), None, str(data_file), **arguments, reward_settings=RewardSettings()))
    last = list(events)[-1]
    assert isinstance(last, Evaluated) and last.metrics == events.value.metrics and last.loss == events.value.loss
    losses = [row.loss for row in events.value.rows if row.loss is not None]
    assert len(losses) == 20 and min(losses) < last.loss < max(losses)
    scores = [row.scores["length"] for row in events.value.rows if "length" in row.scores]
    assert last.metrics["length"] == sum(scores) / 2 and "reward" not in last.metrics


def test_a_file_of_another_kind_is_refused_before_anything_is_loaded(
    model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", "--model", str(model_folder), "--output", "rows.xlsx"]) != 0
    assert "--output rows.xlsx: the name must end with .md or .csv." in capsys.readouterr().err


def test_a_table_that_cannot_be_written_leaves_the_one_before(
    model_folder: Path,
    data_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: Path, *args: Any, **options: Any) -> int:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    table = tmp_path / "table.md"
    table.write_text("of last week")
    monkeypatch.setattr(Path, "write_text", full)
    assert main(["eval", "--dataset", str(data_file), "--answers", "0", "--output", str(table)]) == 2
    assert f"The disk is full; {table} could not be written." in capsys.readouterr().err
    assert table.read_text() == "of last week" and [p.name for p in tmp_path.iterdir()] == ["table.md"]


def test_files_of_questions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = [("What is 3 plus 4?", "7"), ("What is 2 plus 2?", "4")]
    as_messages, as_prompts = tmp_path / "messages.jsonl", tmp_path / "prompts.jsonl"
    rows = [{"messages": [{"role": "user", "content": q}], "answer": a} for q, a in questions]
    as_messages.write_text("".join(json.dumps(row) + "\n" for row in rows))
    as_prompts.write_text("".join(json.dumps({"prompt": q, "answer": a}) + "\n" for q, a in questions))
    words = ["eval", "--kind", "questions", "--max-tokens", "12", "--rewards", "numeric", "--backend", "cpu"]
    assert main([*words, "--dataset", str(as_messages), "--output", str(tmp_path / "rows.csv"), "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    answers = [(e["prompt"], e["answer"]) for e in events if e["event"] == "Sample"]
    assert answers[0] == ("What is 3 plus 4?", "3 + 4 = 7") and len(answers) == 2
    records = list(csv.DictReader((tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()))
    assert [bool(r["loss"]) for r in records] == [True, True] and records[0]["numeric"] == "1.0"
    assert main([*words, "--dataset", str(as_prompts), "--json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["event"] == "Evaluated" and 0 <= last["metrics"]["numeric"] <= 1 and last["loss"] > 0
    as_prompts.write_text(json.dumps({"prompt": "What is 3 plus 4?"}) + "\n")
    assert main([*words, "--dataset", str(as_prompts)]) != 0
    assert "no row has anything to measure" in capsys.readouterr().err


def test_rows_are_read_as_in_training(model_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("aufgabe,loesung\n" + "".join(f"Wie viel ist {n} für {{{{name}}}}?,{n}\n" for n in range(6)))
    words = ["eval", "--model", str(model_folder), "--dataset", str(table), "--answers", "1", "--max-tokens", "2"]
    assert main(words) == 2
    hint = capsys.readouterr().err.split("map them: ")[1].split()[:2]
    assert hint[0] == "--columns"
    reading = [hint[0], hint[1].rstrip("."), "--exclude", "row:1", "--fill-in", "name=Hone"]
    assert main([*words, *reading, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (sample,) = [line for line in lines if line["event"] == "Sample"]
    assert sample["prompt"] == "Wie viel ist 1 für Hone?" and sample["expected"] == "1"
