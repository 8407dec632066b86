"""What another model says of the rows is computed by all ranks together, and is what one rank computes.

Each rank asks about the rows that it learns from, in its own batches: in those of one rank the last bit may be another.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.run import Run
from tests.core.distributed.ranks import run_ranks
from tests.core.distributed.run_jobs import do, on_ranks
from tests.core.distributed.test_training import MARKED, PAIRS, job, same_adapter, write

MakeRun = Callable[..., Run]

# Three rows of two targets each, in batches of one: who computes which, and what all have then.
TOGETHER = """
import json, sys, threading
from pathlib import Path
import numpy as np
from core.data.batch.batches import Batches
from core.data.tokenize.encode import Encoded
from core.distributed.launched import current_group
from core.reference.logprob_cache import LogprobCache
from core.reference.teacher import ENTRY

rows = [Encoded(n, np.array([1, 2, 3 + n], np.int32), np.array([0, 1, 1], np.uint8), 0) for n in range(3)]
group, told = current_group(), []

def plain(entries):
    names = entries.dtype.names
    return [entries[name].tolist() for name in names] if names else entries.tolist()

for dtype in (np.dtype(np.float32), ENTRY):
    asked, file = [], Path(json.loads(sys.argv[1])) / f"rank-{group.rank}-{len(told)}" / "kept.npy"

    def entries(batch):
        asked.extend(batch.rows)
        if dtype == ENTRY:
            found = np.zeros((2, 3), ENTRY)
            found["token"], found["logp"] = 151_001 + batch.rows[0], -0.5 * (1 + batch.rows[0])
            return found
        return np.array([-1.25, -2.5], np.float32) * (1 + batch.rows[0])

    first, second = (LogprobCache("x", Batches(rows, 1, 1, False, 0), rows[:1], 3, group, dtype) for _ in range(2))
    found = first.load(file)
    list(first.fill(lambda batches: ((b, entries(b)) for b in batches), 1, threading.Event()))
    if group.is_first:
        file.parent.mkdir()
        first.save(file)
    told.append([found, asked, plain(first.entries), second.load(file), plain(second.entries)])
print(json.dumps(told))
"""


def test_each_rank_asks_about_some_rows_and_all_know_all(tmp_path: Path) -> None:
    logps = [-1.25, -2.5, -2.5, -5.0, -3.75, -7.5, -1.25, -2.5]
    tokens = [[n] * 3 for n in (151_001, 151_001, 151_002, 151_002, 151_003, 151_003, 151_001, 151_001)]
    likeliest = [tokens, [[n] * 3 for n in (-0.5, -0.5, -1.0, -1.0, -1.5, -1.5, -0.5, -0.5)]]
    both = run_ranks(2, tmp_path, TOGETHER, str(tmp_path))
    for asked, told in zip([[0, 2, 0], [1]], both, strict=True):  # the first rank alone has the file
        assert told == [[False, asked, logps, True, logps], [False, asked, likeliest, True, likeliest]]


def kept(run: Run) -> Any:
    (file,) = Path(str(run.output)).glob("reference-*.npy")
    return np.load(file)


@pytest.mark.slow
def test_the_reference_of_dpo_is_that_of_one_rank(make_run: MakeRun, tmp_path: Path) -> None:
    pairs = write(tmp_path / "pairs.jsonl", PAIRS)
    train = {"steps": 3, "eval_every": 3, "batch_size": 2, "forgetting": "off"}
    alone, run = (make_run(name, method="dpo", data={"path": pairs}, train=train) for name in ("one", "two"))
    do(job(alone))
    on_ranks(2, tmp_path, [job(run)])
    np.testing.assert_allclose(kept(run), kept(alone), rtol=1e-6)
    assert (kept(run) < 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_a_run_with_a_reference_goes_on_with_other_ranks(method: str, make_run: MakeRun, tmp_path: Path) -> None:
    data = write(tmp_path / "rows.jsonl", PAIRS if method == "dpo" else MARKED)
    train = {"steps": 6, "eval_every": 3, "batch_size": 3, "gradient_accumulation_steps": 2, "forgetting": "off"}
    alone, run = (make_run(name, method=method, data={"path": data}, train=train) for name in ("one", "two"))
    expected, folder = do(job(alone))["steps"], str(run.output)
    told = on_ranks(2, tmp_path, [job(run, stop_after=2, pause=True)])[0][0]["steps"]
    before = kept(run)
    told += on_ranks(3, tmp_path, [{"resume": folder, "stop_after": 4, "pause": True}])[0][0]["steps"]
    told += do({"resume": folder})["steps"]
    assert [step[0] for step in told] == list(range(1, 7))
    np.testing.assert_allclose([step[1] for step in told], [step[1] for step in expected], atol=1e-5, rtol=0)
    assert np.array_equal(kept(run), before)
    np.testing.assert_allclose(kept(run), kept(alone), rtol=1e-6)
    same_adapter(run, alone)


@pytest.mark.slow
def test_other_rows_are_told_before_anything_is_exchanged(make_run: MakeRun, tmp_path: Path) -> None:
    code = """
import json, os, sys
from core.errors import UserError
from core.run import Run
from core.train import train
values = json.loads(sys.argv[1])
values["data"]["path"] += os.environ["MLX_RANK"]
try:
    list(train(Run.from_dict(values)))
except UserError as error:
    print(json.dumps(str(error)))
"""
    path = str(tmp_path / "pairs.jsonl")
    for rank in range(2):
        write(Path(f"{path}{rank}"), PAIRS[rank:])
    told = run_ranks(2, tmp_path, code, make_run(method="dpo", data={"path": path}).to_dict())
    assert len(set(told)) == 1 and told[0].startswith("The dataset is not the same on "), json.dumps(told)
