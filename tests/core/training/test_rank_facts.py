"""What is recorded of several ranks."""

import dataclasses
import socket

import pytest

from core.distributed.group import Group
from core.distributed.session import link_choice
from core.events import Event, Started, Step
from core.model.sharding import Sharding
from core.resolved import Choice, RankFacts, RanksFacts, to_json
from core.run import Run
from core.training.rank_facts import DROPOUT, describe_ranks, measured, rank_facts


class Two(Group):
    size, backend, names = 2, "ring", ("studio", "mini")


def step(number: int, seconds: float, *ranks: tuple[float, float]) -> Step:
    metrics = {f"rank_{n}_tokens_per_second": speed for n, (speed, _) in enumerate(ranks)}
    metrics |= {f"rank_{n}_waiting": waiting for n, (_, waiting) in enumerate(ranks)}
    values = {f.name: 0 for f in dataclasses.fields(Step)}
    return Step(**values | {"step": number, "seconds": seconds, "metrics": metrics})


def started() -> Started:
    return Started(**{f.name: 0 for f in dataclasses.fields(Started)})


def test_one_rank_is_nothing_to_tell() -> None:
    assert rank_facts(Run(), Group()) is None


def test_before_the_first_step() -> None:
    run = Run().replace("train.batch_size", 6).replace("train.gradient_accumulation_steps", 2)
    facts = rank_facts(run, Two())
    link = Choice("auto", "ring", "as MLX's launcher connects the ranks")
    parts = Choice("auto", "none", "each machine has room for the whole model")
    assert facts == RanksFacts(2, "ring", 12, [RankFacts("studio"), RankFacts("mini")], link=link, sharding=parts)
    assert describe_ranks(to_json(facts)) == "2 over ring, 12 rows a step; studio (rank 0); mini (rank 1)"


def test_this_machine_is_told_by_its_name() -> None:
    group = Two()
    group.names = ("127.0.0.1", "mini")  # the first is the address under which the others reach it
    facts = rank_facts(Run(), group)
    assert facts is not None and [rank.host for rank in facts.ranks] == [socket.gethostname(), "mini"]


@pytest.mark.parametrize(
    ("asked", "backend", "used", "reason"),
    [
        ("auto", "nccl", "nccl", "the machines have NVIDIA GPUs"),
        ("auto", "ring", "ring", "TCP connects any machines, and MLX finds no NVIDIA GPU here"),
        ("ring", "ring", "ring", "as asked"),
        ("jaccl-ring", "jaccl", "jaccl-ring", "as asked"),
        ("hostfile", "jaccl", "jaccl-ring", "as the file of the machines says"),
    ],
)
def test_why_a_link_is_used(asked: str, backend: str, used: str, reason: str) -> None:
    environment = {"HONE_LINK": asked, "MLX_JACCL_RING": "1"}
    wanted = "auto" if asked == "hostfile" else asked
    assert link_choice(environment, backend) == Choice(wanted, used, reason)


def test_that_dropout_is_drawn_by_each_is_told() -> None:
    facts = rank_facts(Run().replace("adapter.dropout", 0.1), Two())
    assert facts is not None and facts.differs == DROPOUT


def test_what_each_did_since_the_run_went_on() -> None:
    events: list[Event] = [
        started(),
        step(1, 1.0, (9000.0, 0.9)),
        step(2, 2.0, (9000.0, 0.9)),
        started(),
        step(2, 2.0, (300.0, 0.0), (100.0, 0.5)),  # 1 s
        step(3, 5.0, (500.0, 0.4), (100.0, 0.1)),  # 3 s
    ]
    facts = RanksFacts(2, "nccl", 8, [RankFacts("studio"), RankFacts("studio")])
    first, second = measured(facts, events).ranks
    assert first == RankFacts("studio", pytest.approx(1800 / 2200), pytest.approx(450), pytest.approx(0.3))
    assert second == RankFacts("studio", pytest.approx(400 / 2200), pytest.approx(100), pytest.approx(0.2))
    told = describe_ranks(to_json(measured(facts, events)))
    assert "studio (rank 0): 82% of the tokens, 450 tokens/s, waited 30% of the time; studio (rank 1): 18%" in told


def test_of_a_model_in_parts_each_computes_all_tokens() -> None:
    sharding = Sharding("tensor", Two(), 1, reason="mini has no room for the whole model")
    facts = rank_facts(Run().replace("train.batch_size", 4), Two(), sharding)
    assert facts is not None
    assert facts.sharding == Choice("auto", "tensor", "mini has no room for the whole model")
    told = to_json(measured(facts, [started(), step(1, 2.0, (80.0, 0.25), (80.0, 0.5))]))
    does = "100% of the tokens, 80 tokens/s, waited"
    assert describe_ranks(told) == (
        "2 over ring, each with a part of the model, 4 rows a step; "
        f"studio (rank 0): {does} 25% of the time; mini (rank 1): {does} 50% of the time"
    )


def test_without_a_step() -> None:
    facts = RanksFacts(2, "ring", 8, [RankFacts("studio"), RankFacts("mini")])
    assert measured(facts, [started()]) == facts
