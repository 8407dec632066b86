"""A run whose model is parted over two or three processes learns what it learns on one; or it is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.run import Run
from tests.core.conftest import write_model
from tests.core.distributed.run_jobs import do, on_ranks
from tests.core.distributed.test_training import assert_same, job, same_adapter

MakeRun = Callable[..., Run]
STEPS = {"steps": 8, "eval_every": 4, "batch_size": 3, "gradient_accumulation_steps": 2, "learning_rate": 0.003}


@pytest.fixture(autouse=True)
def parted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HONE_SHARDING", "tensor")


def test_two_ranks_learn_what_one_learns(make_run: MakeRun, tmp_path: Path) -> None:
    options: dict[str, Any] = {"train": STEPS | {"samples": 1, "sample_tokens": 4}}
    alone, shared = make_run("alone", **options), make_run("shared", **options)
    expected = do(job(alone))
    told = [rank[0] for rank in on_ranks(2, tmp_path, [job(shared)])]
    assert_same(told, expected)
    same_adapter(shared, alone)
    assert "The model is parted by tensors over 2 ranks." in told[0]["warned"]
