"""hone chat and hone eval with a model that is parted over two processes."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from core.__main__ import main
from core.cli import parser
from core.cli.parted import _words
from tests.core.model import zoo

RANKS = ["--ranks", "2", "--distributed-backend", "ring"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(zoo.write(tmp_path_factory.mktemp("parted") / "experts", "qwen3_moe"))


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert main([*words, "--backend", "cpu", "--json"]) == 0, capsys.readouterr().err
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def test_two_ranks_chat_as_one(model: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["chat", "--model", model, "--max-tokens", "8"]
    answers = []
    for more in ([], [*RANKS, "--sharding", "pipeline"]):
        monkeypatch.setattr("sys.stdin", io.StringIO("Hello\nName a fruit.\n\n"))
        answers.append(told(capsys, *words, *more))
    assert answers[0] == answers[1]
    assert [a["prompt"] for a in answers[1]] == ["Hello", "Name a fruit."] and all(a["answer"] for a in answers[1])


def test_two_ranks_measure_what_one_measures(model: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    words = ["eval", "--model", model, "--answers", "2", "--max-tokens", "6", "--output", str(table)]
    data = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"What is {n}?", "completion": f"It is {n}." * (1 + n % 3)} for n in range(6)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    alone = told(capsys, *words, "--dataset", str(data))
    written = table.read_text()
    parted = told(capsys, *words, "--dataset", str(data), *RANKS, "--sharding", "tensor")
    assert "The model is parted by tensors over 2 ranks." in [e.get("message") for e in parted]
    (expected,), (found,) = ([e for e in events if "perplexity" in e.get("metrics", {})] for events in (alone, parted))
    assert found["loss"] == pytest.approx(expected["loss"], abs=1e-5) and found["tokens"] == expected["tokens"]
    assert [e["answer"] for e in parted if "answer" in e] == [e["answer"] for e in alone if "answer" in e]
    assert len(table.read_text().splitlines()) == len(written.splitlines()) == 7


def test_a_refusal_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = zoo.write(tmp_path / "gemma2", "gemma2")
    words = ["chat", "--model", str(folder), "--backend", "cpu", "--prompt", "Hello"]
    assert main([*words, "--sharding", "tensor"]) == 2
    assert "hone: --sharding goes with --hosts, --hostfile or --ranks" in capsys.readouterr().err
    assert main([*words, *RANKS, "--sharding", "pipeline"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("hone: A model of the kind gemma2 cannot be parted by layers over 2 ranks: mlx-lm has no")


def test_the_words_for_the_ranks_name_no_machine_and_whole_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    words = ["eval", "--hosts", "a,b", "--adapter-path", "run", "--ranks=2", "--model=org/name", "--json"]
    words += ["--output", "table.md", "--rank-timeout", "9", "--kind", "text"]
    args = parser().parse_args(words)
    assert _words(args.words) == [
        "eval", "--adapter-path", str(tmp_path / "run"), "--model=org/name", "--output", str(tmp_path / "table.md"),
        "--kind", "text",
    ]  # fmt: skip
