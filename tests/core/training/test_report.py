"""report.md tells what a run did: sample answers side by side, and each setting that was not the default."""

from collections.abc import Callable
from pathlib import Path

import pytest

from core.events import Sample
from core.run import Run
from core.train import train
from tests.core.conftest import only

MakeRun = Callable[..., Run]


def table_rows(report: str, head: str) -> list[list[str]]:
    """The cells of the table whose first line begins with this, its head left out."""
    lines = iter(report.splitlines())
    next(line for line in lines if line.startswith(f"| {head} |"))
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


@pytest.mark.parametrize(("share", "head"), [(0.2, "Question"), (0.0, "Question from the training data")])
def test_sample_answers_stand_in_the_report(make_run: MakeRun, share: float, head: str) -> None:
    run = make_run(train={"samples": 2, "sample_tokens": 4, "steps": 2}, data={"eval_split": share})
    samples: list[Sample] = only(Sample, list(train(run)))
    rows = table_rows((Path(str(run.output)) / "report.md").read_text(), head)
    assert len(rows) == 2
    for index, row in enumerate(rows):
        before, after = (e for e in samples if e.index == index)
        texts = [before.prompt, before.answer, after.answer, after.expected]
        assert row == [" ".join(text.split()).replace("|", "\\|") or "–" for text in texts]


def test_every_setting_that_differs_stands_in_the_report(make_run: MakeRun) -> None:
    run = make_run(train={"steps": 1}, backend="cpu", neural_engine="gpu-free")
    list(train(run))
    report = (Path(str(run.output)) / "report.md").read_text()
    assert '- `backend = "cpu"`' in report and '- `neural_engine = "gpu-free"`' in report
    assert "- `train.steps = 1`" in report and "`output" not in report
