"""The tiny curve of a run: a few values, also of a log of many megabytes, and of one that is damaged."""

from pathlib import Path

from app.runs.sparkline import POINTS, read_losses, thin_out
from core.events import to_json
from tests.app.conftest import step_event


def test_few_values_stay_and_many_are_thinned_out() -> None:
    assert thin_out([3.0, float("nan"), 1.0]) == (3.0, 1.0)
    thinned = thin_out([float(n) for n in range(1000)])
    assert (len(thinned), thinned[0], thinned[-1]) == (POINTS, 0.0, 999.0)


def test_a_long_log_is_read_in_places(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    lines = [to_json(step_event(n, 10_000 - n)) + "\n" for n in range(10_000)]
    log.write_text("".join(lines))
    losses = read_losses(log)
    assert len(losses) == POINTS
    assert list(losses) == sorted(losses, reverse=True)
    assert losses[0] > 9980
    assert losses[-1] < 20


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    good = to_json(step_event(1, 2.0))
    log.write_text('{"event": "Step", "loss": null}\n{"event": "Step"}\n' + good + "\n" + good[:30])
    assert read_losses(log) == (2.0,)
    assert read_losses(tmp_path / "none.jsonl") == ()
