"""A run that is stopped on some ranks goes on with others, in the same data order; wishes and failures reach all."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.run import Run
from tests.core.distributed.ranks import run_ranks
from tests.core.distributed.run_jobs import do, on_ranks
from tests.core.distributed.test_training import MARKED, job, same_adapter, write

MakeRun = Callable[..., Run]


def test_two_ranks_then_one(make_run: MakeRun, tmp_path: Path) -> None:
    train = {"steps": 4, "batch_size": 3, "eval_every": 4, "learning_rate": 0.003}
    unbroken, run = make_run("unbroken", train=train), make_run("run", train=train)
    expected = do(job(unbroken))
    first, other = on_ranks(2, tmp_path, [job(run, stop_after=1, pause=True)])
    told = first[0]["steps"]  # a wish that comes behind a step is told to the others in the next
    assert first[0]["kinds"][-1] == other[0]["kinds"][-1] == "Paused" and [s[0] for s in told] == [1, 2]
    told += do({"resume": str(run.output)})["steps"]
    assert [s[0] for s in told] == [1, 2, 3, 4]
    for mine, alone in zip(told, expected["steps"], strict=True):
        assert mine[1] == pytest.approx(alone[1], abs=1e-5) and mine[3:5] == alone[3:5]
    same_adapter(run, unbroken)


@pytest.mark.slow
def test_two_then_one_then_three_ranks(make_run: MakeRun, tmp_path: Path) -> None:
    train = {"steps": 9, "batch_size": 3, "gradient_accumulation_steps": 2, "eval_every": 4, "learning_rate": 0.003}
    unbroken, run = make_run("unbroken", train=train), make_run("run", train=train)
    expected = do(job(unbroken))
    folder = str(run.output)
    first, other = on_ranks(2, tmp_path, [job(run, stop_after=3, pause=True)])
    told = first[0]["steps"]  # a wish that comes behind a step is told to the others in the next
    assert first[0]["kinds"][-1] == other[0]["kinds"][-1] == "Paused" and [s[0] for s in told] == [1, 2, 3, 4]
    told += do({"resume": folder, "stop_after": 6})["steps"]
    last = on_ranks(3, tmp_path, [{"resume": folder}])
    told += last[0][0]["steps"]
    assert last[1][0]["finished"] == last[0][0]["finished"] and last[0][0]["finished"][0][:2] == ["done", 9]
    assert [s[0] for s in told] == list(range(1, 10))
    for mine, alone in zip(told, expected["steps"], strict=True):
        assert mine[1] == pytest.approx(alone[1], abs=1e-5) and mine[3:5] == alone[3:5]
    same_adapter(run, unbroken)
    assert sorted(path.name for path in Path(folder).iterdir()) == sorted(
        p.name for p in Path(str(unbroken.output)).iterdir()
    )


FAILING = """
import os
from core.training import train_step
if os.environ["MLX_RANK"] == "1":
    count = train_step.TrainStep.gradient
    def gradient(self, batch, alone=False, calls=[]):
        calls.append(1)
        if len(calls) == 3:
            raise MemoryError
        return count(self, batch, alone)
    train_step.TrainStep.gradient = gradient
from core.errors import UserError
from tests.core.distributed.run_jobs import main
try:
    main()
except UserError as error:
    import json
    print(json.dumps(str(error)))
"""


def test_what_one_rank_fails_in_ends_all(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(
        train={"steps": 6, "batch_size": 4, "eval_every": 6}, data={"path": write(tmp_path / "m", MARKED)}, method="kto"
    )
    first, second = run_ranks(2, tmp_path, FAILING, [job(run)])
    assert second.startswith("The memory is full") and second in first and "(rank 1)" in first
    saved = [path.name for path in (Path(str(run.output)) / "checkpoints").glob("step-*")]
    log = (Path(str(run.output)) / "events.jsonl").read_text(encoding="utf-8").splitlines()
    done = [event["step"] for event in map(json.loads, log) if event["event"] == "Step"]
    assert done and saved == [f"step-{done[-1]:07d}"]  # of the last step that all have done
