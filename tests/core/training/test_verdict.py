"""The verdict: what it goes by, when a change counts, and the advice where nothing was gained. Worked out by hand.

Two standard deviations of a share p over n rows are 2 √(p (1 − p) / n): with p near one half 26 points over 15 rows,
18 over 30 and 9 over 118.
"""

import math
from typing import Any

from core.events import Finished
from core.run import Run
from core.training.verdict import outcome, verdict


def verdict_of(
    method: str,
    before: dict[str, float],
    after: dict[str, float],
    *,
    rows: int,
    learned: float | None = None,
    model: str = "m",
    epochs: float = math.inf,
    **more: Any,
) -> tuple[int | None, str]:
    """(outcome, verdict) of a run with these held-out figures; `learned` is the accuracy in the rows it learned."""
    run = Run(method=method).replace("model.path", model)
    facts = {"loss_before": 0.693, "loss_after": 0.69, "best_step": 20, "eval_rows": rows, **more}
    finished = Finished("done", 20, "", 1.0, metrics_before=before, metrics_after=after, **facts)
    return outcome(run, finished), verdict(run, finished, {} if learned is None else {"accuracy": learned}, epochs)


def preferred(gains: float, likelier: float) -> dict[str, float]:
    return {"accuracy": gains, "preferred": likelier}


def test_a_difference_is_not_told_by_equal_numbers() -> None:
    result = verdict_of("distill", {}, {}, rows=60, loss_before=0.00101, loss_after=0.0041)
    assert result[1].startswith("Worse on unseen examples: 0.00101 → 0.0041.")
    assert "0.69 → 0.69" in verdict_of("distill", {}, {}, rows=60, loss_before=0.69, loss_after=0.691)[1]


def test_a_clear_preference() -> None:
    result = verdict_of("dpo", preferred(0.5, 0.48), preferred(1.0, 1.0), rows=60)
    assert result == (1, "Better: it prefers the better answer in 48% → 100% of 60 unseen pairs.")
    assert verdict_of("orpo", {"accuracy": 0.9}, {"accuracy": 0.4}, rows=60)[0] == -1


def test_among_few_rows_a_small_change_may_be_chance() -> None:
    before, after = preferred(0.5, 7 / 15), preferred(9 / 15, 8 / 15)
    assert verdict_of("dpo", before, after, rows=15, learned=0.98, model="starter") == (
        0,
        "No clear improvement: it prefers the better answer in 47% → 53% of 15 unseen pairs; among so few, up to 26 "
        "points may be chance. In the rows it learned from it is 98%: it memorises them. More rows or a larger model "
        "may help.",
    )
    worse = verdict_of("dpo", preferred(0.5, 8 / 15), preferred(0.5, 7 / 15), rows=15)
    assert worse[0] == 0  # one pair of fifteen is no reason to say that it got worse
    assert verdict_of("dpo", preferred(0.5, 0.47), preferred(0.5, 0.53), rows=10_000)[0] == 1


def test_nothing_gained_and_why() -> None:
    result = verdict_of("dpo", preferred(0.5, 0.48), preferred(0.5, 0.47), rows=118, learned=0.97)
    assert result[1] == (
        "No clear improvement: it prefers the better answer in 48% → 47% of 118 unseen pairs. In the rows it learned "
        "from it is 97%: it memorises them. More rows may help."
    )
    result = verdict_of("dpo", preferred(0.5, 0.48), preferred(0.5, 0.47), rows=118, learned=0.97, epochs=0.5)
    assert result[1].endswith("In the rows it learned from it is 97%: try more epochs or a higher learning rate.")
    result = verdict_of("kto", {"accuracy": 0.5}, {"accuracy": 0.51}, rows=30, learned=0.55)
    assert result[1] == (
        "No clear improvement: it tells good answers from bad in 50% → 51% of 30 unseen examples. In the rows it "
        "learned from it is 55%: try more epochs or a higher learning rate."
    )


def test_what_moves_the_right_way_counts_before_it_is_preferred() -> None:
    result = verdict_of("dpo", preferred(0.5, 0.49), preferred(0.64, 0.5), rows=118)
    assert result == (1, "Better: it moves towards the better answer in 50% → 64% of 118 unseen pairs.")
    assert verdict_of("dpo", preferred(0.5, 0.49), preferred(0.54, 0.5), rows=118)[0] == 0


def test_without_shares_the_loss_decides() -> None:
    assert verdict_of("sft", {}, {}, rows=4, loss_before=2.41, loss_after=0.57) == (
        1,
        "Better on unseen examples: 2.41 → 0.57.",
    )
    assert verdict_of("sft", {}, {}, rows=4, loss_before=2.0, loss_after=1.99)[1] == (
        "No clear improvement on unseen examples: 2.00 → 1.99."
    )
    assert verdict_of("sft", {}, {}, rows=0, loss_before=None)[0] is None


def test_a_run_of_before_that_did_not_tell_how_many() -> None:
    assert verdict_of("grpo", {"solved": 0.37}, {"solved": 0.41}, rows=0) == (
        1,
        "Better: it solves 37% → 41% of unseen problems.",
    )


def test_answers_that_all_scored_the_same_taught_nothing() -> None:
    run = Run(method="grpo")
    finished = Finished("done", 20, "", 1.0, 1.0, 1.0, 20, {"solved": 0.0}, {"solved": 0.0}, eval_rows=50)
    assert "nothing could be learned" in verdict(run, finished, {"flat_groups": 1.0})
    assert "nothing could be learned" not in verdict(run, finished, {"flat_groups": 0.5})


def test_without_held_out_rows_the_steps_are_told() -> None:
    told = [verdict(Run(), Finished("done", steps, "", 1.0), {}).partition(";")[0] for steps in (1, 2000)]
    assert told == ["Trained for 1 step", "Trained for 2,000 steps"]


def test_what_was_seen_once_is_not_called_memorised() -> None:
    finished = Finished("done", 20, "", 1.0, 3.0, 2.0, 15, eval_rows=50)
    told = [verdict(Run(), finished, {}, epochs) for epochs in (1.0, 1.1)]
    assert ["memorise" in sentence for sentence in told] == [False, True]
    assert all("step 15 was kept" in sentence for sentence in told)
