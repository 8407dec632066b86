"""What a dry run of several ranks says that each would do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from core.__main__ import main
from core.distributed.machines import Machines
from core.errors import BadData, BadOption
from core.events import Walked
from core.run import Run
from core.training import rank_plan
from core.training.rank_plan import RankPlan, plan_ranks

RUN = {"backend": "cpu", "model": {"path": "starter"}, "data": {"max_seq_len": 128}}


def plan(machines: Machines, **sections: Any) -> RankPlan:
    return Walked(plan_ranks(Run.from_dict(RUN | sections), machines)).finish()


@pytest.fixture(autouse=True)
def no_rank_is_started(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("subprocess.Popen", refuse)
    yield


def test_each_rank_has_its_share_of_the_rows() -> None:
    found = plan(Machines(ranks=3), train={"batch_size": 5, "gradient_accumulation_steps": 4, "steps": 7})
    assert (found.steps, found.rows, found.sharding) == (7, 20, "")
    assert sum(rank.rows for rank in found.ranks) == 20  # 900 rows are 45 whole steps
    assert sum(rank.tokens for rank in found.ranks) == pytest.approx(1.0)
    # Three batches are dealt whole, the fourth is split.
    assert [rank.most_rows for rank in found.ranks] == [5, 5, 5]


def test_memory_is_that_of_the_rows_which_go_through_the_model_at_once() -> None:
    two, four = (plan(Machines(ranks=n), train={"batch_size": 4, "steps": 3}) for n in (2, 4))
    assert [rank.most_rows for rank in (*two.ranks, *four.ranks)] == [2, 2, 1, 1, 1, 1]
    sizes = [rank.memory[1] for rank in (two.ranks[0], four.ranks[0]) if rank.memory]
    assert sizes[1] < sizes[0]
    assert two.exchanged_bytes == four.exchanged_bytes and two.exchanged_bytes
    size = f"{two.exchanged_bytes / 1e6:,.1f}"
    assert two.sentences[0] == "3 steps of 4 rows each, on 2 ranks."
    assert two.sentences[-2] == f"In every step the ranks add up {size} MB of gradients."


def test_parts_of_a_model_compute_all_rows() -> None:
    found = plan(Machines(ranks=2, sharding="tensor"), train={"batch_size": 4, "steps": 3})
    assert found.sharding == "The model is parted by tensors over 2 ranks."
    assert [(rank.rows, rank.tokens) for rank in found.ranks] == [(4, 1.0), (4, 1.0)]


def test_prompts_go_to_the_ranks_in_turn() -> None:
    found = plan(Machines(ranks=3), method="grpo", data={}, train={"batch_size": 4, "steps": 3})
    assert [rank.rows for rank in found.ranks] == [2, 1, 1]


def test_what_the_run_would_refuse_is_refused() -> None:
    with pytest.raises(BadOption, match="by tensors alone"):
        plan(Machines(ranks=2, sharding="pipeline"))
    with pytest.raises(BadData, match=r"no file nothing\.jsonl"):
        plan(Machines(ranks=2), data={"path": "nothing.jsonl"})
    with pytest.raises(BadOption, match="Neural Engine"):
        plan(Machines(ranks=2), backend="ane")


def test_machines_are_asked_for_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(rank_plan, "check_hosts", lambda *args: asked.append(args))
    plan(Machines(hosts=("127.0.0.1", "203.0.113.7")), train={"steps": 3})
    assert asked == [(["203.0.113.7"], [], "starter")]


def test_the_command_line_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "--ranks", "2", "--dry-run", "--backend", "cpu", "--batch-size", "4", "--steps", "3"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "3 steps of 4 rows each, on 2 ranks."
    assert lines[2].startswith("this machine (rank 0): 2 of 4 rows a step, 5")
    assert lines[-1].startswith("No rank was started.")
    assert main([*words, "--json"]) == 0
    planned = json.loads(capsys.readouterr().out.splitlines()[-1])["planned"]
    assert [rank["rows"] for rank in planned["ranks"]] == [2.0, 2.0]
