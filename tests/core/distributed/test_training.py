"""Two and three ranks learn what one learns: the same losses, gradients, metrics and weights."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from core import methods
from core.run import Run
from tests.core.conftest import write_model
from tests.core.distributed.run_jobs import do, on_ranks

MakeRun = Callable[..., Run]
TIMES = ("sampling_seconds", "learning_seconds")


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def job(run: Run, **more: Any) -> dict[str, Any]:
    return {"run": run.to_dict(), **more}


def assert_same(ranks: list[dict[str, Any]], alone: dict[str, Any]) -> None:
    """Rank 0 tells what a rank alone tells; the others tell where they stand."""
    first, *others = ranks
    assert len(first["steps"]) == len(alone["steps"]) > 0
    for mine, expected in zip(first["steps"], alone["steps"], strict=True):
        assert mine[0] == expected[0] and mine[3:5] == expected[3:5], (mine, expected)
        np.testing.assert_allclose(mine[1], expected[1], atol=1e-5, rtol=0)
        np.testing.assert_allclose(mine[2], expected[2], rtol=2e-3, atol=1e-6)
        told = {k: v for k, v in mine[5].items() if not k.startswith("rank_") and k not in TIMES}
        assert told == pytest.approx({k: v for k, v in expected[5].items() if k not in TIMES}, abs=1e-4)
    assert len(first["evaluated"]) == len(alone["evaluated"])
    for mine, expected in zip(first["evaluated"], alone["evaluated"], strict=True):
        assert (mine[0], mine[2]) == (expected[0], expected[2])
        np.testing.assert_allclose(mine[1], expected[1], atol=1e-5, rtol=0)
        assert mine[3] == pytest.approx(expected[3], abs=1e-4)
    assert [tuple(end) for end in first["finished"]] == [
        (reason, step, pytest.approx(loss, abs=1e-5)) for reason, step, loss in alone["finished"]
    ]
    for other in others:
        assert set(other["kinds"]) <= {"Started", "Finished", "Paused"} and other["finished"] == first["finished"]


def same_adapter(a: Run, b: Run, atol: float = 2e-4) -> None:
    mine, expected = (mx.load(str(Path(str(run.output)) / "adapters.safetensors")) for run in (a, b))
    assert mine.keys() == expected.keys()
    for name in mine:
        np.testing.assert_allclose(np.array(mine[name]), np.array(expected[name]), atol=atol, err_msg=name)


def compare(make_run: MakeRun, folder: Path, ranks: list[int], cases: dict[str, dict[str, Any]]) -> dict[str, Run]:
    """Every case alone and on so many ranks; returns the last runs."""
    alone = {name: make_run(f"{name}-1", **options) for name, options in cases.items()}
    expected, runs = {name: do(job(run)) for name, run in alone.items()}, alone
    for count in ranks:
        runs = {name: make_run(f"{name}-{count}", **options) for name, options in cases.items()}
        told = on_ranks(count, folder, [job(run) for run in runs.values()])
        for n, name in enumerate(cases):
            print(name, count)
            assert_same([rank[n] for rank in told], expected[name])
            same_adapter(runs[name], alone[name])
    return runs


PAIRS = [
    {
        "prompt": f"What is {n}?" + " Tell me." * (n % 3),
        "chosen": f"It is {n}." * (1 + n % 3),
        "rejected": "No!" * (n % 4 + 1),
    }
    for n in range(15)
]
QUESTIONS = [{"question": f"What is {n}+1?", "answer": str(n + 1)} for n in range(11)]
WRITING: dict[str, Any] = {
    "rewards": ["length"],
    "group_size": 4,
    "max_completion_length": 10,
    "micro_batch_size": 8,
}
MARKED = [
    {"prompt": f"What is {n}?", "completion": f"It is {n}." * (1 + n % 3), "label": n % 2 == 0} for n in range(15)
]


def make_cases(folder: Path) -> dict[str, dict[str, Any]]:
    """The smallest that show it: odd rows, accumulation and packing, pairs, and answers that are written."""
    pairs, questions = write(folder / "pairs.jsonl", PAIRS), write(folder / "q.jsonl", QUESTIONS)
    mixed = {"steps": 8, "eval_every": 8, "batch_size": 3, "gradient_accumulation_steps": 2, "learning_rate": 0.003}
    short = {"steps": 4, "eval_every": 4, "batch_size": 5}
    return {
        "sft": {"train": mixed, "data": {"packing": True}},
        "dpo": {"method": "dpo", "data": {"path": pairs}, "train": short},
        "grpo": {
            "method": "grpo",
            "data": {"path": questions},
            "train": short | {"steps": 2, "eval_every": 2, "batch_size": 3},
            "options": WRITING,
        },
    }


def test_two_ranks_learn_what_one_learns(make_run: MakeRun, tmp_path: Path) -> None:
    runs = compare(make_run, tmp_path, [2], make_cases(tmp_path))
    assert_ranks_are_told(Path(str(runs["sft"].output)))


def assert_ranks_are_told(folder: Path) -> None:
    told = json.loads((folder / "resolved.json").read_text())["ranks"]
    host = socket.gethostname()
    assert (told["count"], told["backend"], told["rows"]) == (2, "ring", 6) and "differs" not in told
    assert [rank["host"] for rank in told["ranks"]] == [host, host]
    assert told["link"] == {"requested": "auto", "used": "ring", "reason": "as MLX's launcher connects the ranks"}
    assert told["sharding"]["used"] == "none"
    assert sum(rank["share"] for rank in told["ranks"]) == pytest.approx(1)
    assert all(0.3 < rank["share"] < 0.7 and 0 < rank["waiting"] < 1 for rank in told["ranks"])
    assert f"| Ranks | 2 over ring, 6 rows a step; {host} (rank 0): " in (folder / "report.md").read_text()


@pytest.mark.slow
def test_every_method_with_odd_rows_accumulation_and_packing(make_run: MakeRun, tmp_path: Path) -> None:
    """Each with one of the ways in which a model is trained; three ranks share batches of 3, 2 and 1 rows."""
    pairs, questions = write(tmp_path / "pairs.jsonl", PAIRS), write(tmp_path / "q.jsonl", QUESTIONS)
    marked, teacher = write(tmp_path / "marked.jsonl", MARKED), write_model(tmp_path / "teacher", hidden_size=48)
    full, dora, nf4 = {"adapter": {"type": "full"}}, {"adapter": {"type": "dora", "rank": 4}}, {"quantization": "nf4"}
    steps = {"steps": 4, "eval_every": 2, "batch_size": 3, "gradient_accumulation_steps": 2, "forgetting": "off"}
    few = steps | {"steps": 2, "learning_rate": 0.001}
    cases: dict[str, dict[str, Any]] = {
        "sft": dora | {"train": steps | {"batch_size": 2}},
        "dpo": {"model": nf4, "data": {"path": pairs}},
        "simpo": full | {"data": {"path": pairs}, "train": steps | {"learning_rate": 0.001}},
        "orpo": {"data": {"path": pairs}, "train": steps | {"batch_size": 1, "gradient_accumulation_steps": 5}},
        "kto": dora | {"data": {"path": marked}},
        "grpo": {"model": nf4, "data": {"path": questions}, "options": WRITING | {"beta": 0.1}, "train": few},
        "dapo": full | {"data": {"path": questions}, "options": WRITING, "train": few},
        "distill": {"options": {"teacher": str(teacher), "hard_weight": 0.3}},
    }
    assert cases.keys() == methods.load().keys()
    for method, options in cases.items():
        options.setdefault("train", steps)
        options["method"], options["data"] = method, {"packing": True} | options.get("data", {})
    compare(make_run, tmp_path, [3], cases)


@pytest.mark.slow
def test_sft(make_run: MakeRun, tmp_path: Path) -> None:
    long = {"steps": 8, "eval_every": 4}
    cases = {
        # 17 rows remain of 20: an odd last batch, and a last one of a single row
        "odd": {"train": long | {"batch_size": 8}},
        "accumulation": {"train": long | {"batch_size": 3, "gradient_accumulation_steps": 3, "learning_rate": 0.003}},
        "single": {"train": long | {"batch_size": 1, "gradient_accumulation_steps": 5}},
        "packing": {"train": long | {"batch_size": 6}, "data": {"packing": True}},
    }
    compare(make_run, tmp_path, [2, 3], cases)


@pytest.mark.slow
def test_preferences(make_run: MakeRun, tmp_path: Path) -> None:
    pairs, marked = write(tmp_path / "pairs.jsonl", PAIRS), write(tmp_path / "marked.jsonl", MARKED)
    short = {"steps": 4, "eval_every": 2, "batch_size": 4, "gradient_accumulation_steps": 1}
    cases: dict[str, dict[str, Any]] = {
        "dpo": {"data": {"path": pairs}, "train": short | {"steps": 8}},
        "simpo": {"data": {"path": pairs}, "train": short},
        "orpo": {"data": {"path": pairs}, "train": short | {"gradient_accumulation_steps": 2}},
        "kto": {"data": {"path": marked}, "train": short | {"gradient_accumulation_steps": 2}},
    }
    for method, options in cases.items():
        options["method"] = method
    compare(make_run, tmp_path, [2, 3], cases)


@pytest.mark.slow
def test_rewards(make_run: MakeRun, tmp_path: Path) -> None:
    questions, options = write(tmp_path / "q.jsonl", QUESTIONS), WRITING
    base = {
        "data": {"path": questions},
        "train": {"steps": 8, "batch_size": 3, "eval_every": 4, "learning_rate": 0.002},
    }
    few = {"train": base["train"] | {"steps": 3, "eval_every": 3}}
    cases: dict[str, dict[str, Any]] = {
        "grpo": base | {"method": "grpo", "options": options | {"beta": 0.1}},
        "bnpo": base | few | {"method": "grpo", "options": options | {"loss_type": "bnpo", "num_iterations": 2}},
        "dapo": base | few | {"method": "dapo", "options": options},
    }
    compare(make_run, tmp_path, [2, 3], cases)
