"""A setting that nothing reads is told: before the start in the window, and by the run itself."""

from collections.abc import Callable

import pytest

from core.events import Warned
from core.run import Run
from core.run.idle import idle_settings
from core.train import train
from core.training.schedule import describe_out_of_reach, plan_schedule
from tests.core.conftest import only


def idle(method: str, **changes: object) -> list[str]:
    run = Run(method=method)
    for key, value in changes.items():
        run = run.replace(key.replace("__", "."), value)
    return [key for key, _ in idle_settings(run)]


def test_nothing_is_told_of_defaults() -> None:
    for method in ("sft", "dpo", "grpo", "dapo"):
        assert idle(method) == []
    assert idle("sft", adapter__type="full", train__samples=0, data__eval_path="x") == []


def test_what_nothing_reads_is_named() -> None:
    assert idle("sft", adapter__type="full", adapter__rank=8, adapter__dropout=0.1) == [
        "adapter.rank",
        "adapter.dropout",
    ]
    assert idle("sft", adapter__rank=8, adapter__dropout=0.1) == []
    assert idle("sft", train__samples=0, train__sample_tokens=9) == ["train.sample_tokens"]
    assert idle("sft", data__eval_path="x", data__eval_split=0.3) == ["data.eval_split"]
    assert idle("sft", backend="cpu", neural_engine="always") == ["neural_engine"]
    assert idle("grpo", options__reference="base", options__refills=9, options__overlong_penalty=2.0) == [
        "options.reference",
        "options.refills",
        "options.overlong_penalty",
    ]
    assert idle("grpo", options__beta=0.1, options__reference="base") == []
    assert idle("dapo", options__refills=9, options__overlong_penalty=2.0) == []
    assert idle("grpo", options__reasoning_rewards=True, options__rewards=("exact",)) == ["options.rewards"]
    assert idle("grpo", options__reward_length=9, options__reward_seconds=2.0) == [
        "options.reward_length",
        "options.reward_seconds",
    ]
    assert idle("grpo", options__reward_length=9, options__reasoning_rewards=True) == []
    recorded = {"options__replay": "x", "options__scale_rewards": "none"}
    ways = {"options__group_size": 4, "options__dynamic_sampling": True, "options__overlong_buffer": 9}
    assert idle("grpo", **recorded) == []
    assert idle("grpo", **recorded, **ways, options__refills=9, options__overlong_penalty=2.0) == [
        "options.overlong_buffer",
        "options.overlong_penalty",
        "options.dynamic_sampling",
        "options.refills",
        "options.group_size",
    ]
    assert (
        idle("grpo", options__rewards=("length", "file"), options__reward_length=9, options__reward_seconds=2.0) == []
    )


def test_the_run_tells_it(make_run: Callable[..., Run]) -> None:
    run = make_run(adapter={"type": "full", "dropout": 0.5}, train={"steps": 2, "warmup_steps": 2, "early_stop": 2})
    told = {e.code: e.message for e in only(Warned, list(train(run)))}
    assert told["idle"] == "--lora-dropout does nothing where every weight is trained."
    assert told["out-of-reach"].startswith("The warm-up of 2 steps is no shorter than the run of 2")


@pytest.mark.parametrize(
    ("steps", "held_out", "early_stop", "is_told"),
    [(10, 5, 3, False), (10, 5, 4, True), (10, 0, 1, True), (10, 5, 0, False), (10, 0, 0, False)],
)
def test_an_early_stop_that_never_comes_is_told(steps: int, held_out: int, early_stop: int, is_told: bool) -> None:
    run = Run().replace("train.early_stop", early_stop).replace("train.eval_every", 2)  # at 2, 4, 6, 8 and the end
    schedule = plan_schedule(run, steps, held_out, 1)
    assert bool(list(describe_out_of_reach(run, schedule, held_out))) is is_told
