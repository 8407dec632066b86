"""What ranks tell each other in a step, and for how much of it they wait."""

import pytest

from core.distributed.group import Group
from core.stop_request import StopRequest
from core.training.step_sums import RankExchange, StepSums


class Waiting(Group):
    """A rank that waits for half a second in each exchange."""

    def gather(self, value: object) -> list[object]:
        self.waited += 0.5
        return [value]


def test_what_is_waited_for_between_steps_is_no_part_of_one() -> None:
    group = Waiting()
    exchange = RankExchange(group, StopRequest())
    shares = []
    for seconds, is_measured in ((2.0, True), (1.0, False), (1.0, True), (1.0, True)):
        group.gather("a checkpoint that the first rank has written")
        exchange.begin_step()
        total = exchange(StepSums())
        exchange.end_step(seconds, is_measured)
        shares.append(total.rank_metrics(1.0)["rank_0_waiting"])
    assert shares == pytest.approx([0.0, 0.25, 0.25, 0.5])  # of the step before that was measured
