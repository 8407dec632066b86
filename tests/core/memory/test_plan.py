"""How a batch goes through the model: the quickest way that fits."""

import pytest

from core.device import openblas, parallel_plan
from core.memory.estimate import Estimate
from core.memory.plan import GPU_TOKENS, Plan, apply_plan, choose_plan
from core.run import Run

TOKENS = 1024


@pytest.fixture(autouse=True)
def one_batch_at_a_time() -> None:
    """No: as many as the machine has cores for, as usual."""


def estimate(run: Run) -> Estimate:
    """A megabyte a token; a tenth of it with checkpointing."""
    activations = 1_000_000 * TOKENS * run.train.batch_size
    return Estimate(0, 0, 0, activations // 10 if run.train.gradient_checkpointing == "on" else activations, 0)


def planned(
    megabytes: float, method: str = "sft", device: str = "gpu", checkpointing: str = "auto", rows: int = 8
) -> Plan:
    run = Run.from_dict({"method": method, "train": {"batch_size": rows, "gradient_checkpointing": checkpointing}})
    return choose_plan(run, TOKENS, device, int(megabytes * 1.2e6) + 1, estimate)


@pytest.fixture(autouse=True)
def lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores and OpenBLAS, whatever this machine has."""
    monkeypatch.setattr(parallel_plan.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(openblas, "report", lambda: ("libopenblas.so", "loaded before MLX"))


def test_a_batch_that_fits_goes_whole() -> None:
    plan = planned(8 * TOKENS)
    assert (plan.rows, plan.checkpointing, plan.reason) == (8, False, "the whole batch fits")


def test_parts_come_before_checkpointing_as_long_as_they_keep_a_gpu_busy() -> None:
    half = planned(4 * TOKENS)
    assert (half.rows, half.checkpointing) == (4, False)
    assert planned(GPU_TOKENS).rows == 2
    less = planned(TOKENS)  # one row at once would fit, but eight with checkpointing do too
    assert (less.rows, less.checkpointing) == (8, True)
    least = planned(0.05 * TOKENS)
    assert (least.rows, least.checkpointing, least.reason) == (1, True, "the least that is possible")


@pytest.mark.parametrize("checkpointing", ["on", "off"])
def test_what_was_asked_for_stays(checkpointing: str) -> None:
    for megabytes in (0.05 * TOKENS, TOKENS, 100 * TOKENS):
        assert planned(megabytes, checkpointing=checkpointing).checkpointing is (checkpointing == "on")
    assert planned(TOKENS, checkpointing="off").rows == 1


def test_a_loss_that_needs_its_batch_whole_gets_it() -> None:
    assert planned(0.05 * TOKENS, method="kto").rows == 8
    assert planned(TOKENS, method="kto").checkpointing


def test_a_processor_takes_as_many_at_once_as_it_has_cores() -> None:
    plan = planned(100 * TOKENS, device="cpu")
    assert (plan.rows, plan.tokens, plan.checkpointing, plan.parallel_batches) == (2, 2 * TOKENS, False, 2)
    one_row = planned(100 * TOKENS, device="cpu", rows=1)
    assert (one_row.rows, one_row.parallel_batches) == (1, 1)
    short = planned(TOKENS, device="cpu")  # two at once would not fit, with or without anything else
    assert (short.rows, short.parallel_batches, short.checkpointing) == (1, 1, False)
    assert planned(100 * TOKENS).parallel_batches == 1  # a GPU


def test_short_rows_go_together_on_a_processor() -> None:
    plan = choose_plan(Run.from_dict({"train": {"batch_size": 64}}), 64, "cpu", 10**15, estimate)
    assert (plan.rows, plan.tokens, plan.parallel_batches) == (8, 512, 2)  # four in each lane


def test_whole_batches_go_side_by_side_where_several_make_a_step() -> None:
    train = {"batch_size": 4, "gradient_accumulation_steps": 3, "gradient_checkpointing": "off"}
    run = Run.from_dict({"method": "kto", "train": train})
    wide = choose_plan(run, TOKENS, "cpu", 10**15, estimate)
    assert (wide.rows, wide.tokens, wide.parallel_batches) == (8, 4 * TOKENS, 2)
    tight = choose_plan(run, TOKENS, "cpu", int(5e6 * 1.2) * TOKENS, estimate)
    assert (tight.rows, tight.parallel_batches) == (4, 1)


def test_an_estimate_is_asked_for_what_will_be_done() -> None:
    run = apply_plan(Run(), Plan(3, 0, True, ""))
    assert run.train.batch_size == 3 and run.train.gradient_checkpointing == "on"
    assert run.train.gradient_accumulation_steps == 2  # four rows, three at once
