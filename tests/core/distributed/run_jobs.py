"""What the ranks of a test run: one run after the other, each told as plain values."""

import json
import sys
from pathlib import Path
from typing import Any

from core.events import Evaluated, Event, Finished, Step, Warned
from core.run import Run
from core.stop_request import StopRequest
from core.train import resume, train
from tests.core.distributed.ranks import run_ranks

CODE = "from tests.core.distributed.run_jobs import main; main()"


def do(job: dict[str, Any]) -> dict[str, Any]:
    """Do a run, {"run": its values} or {"resume": its folder}; "stop_after" is a step. Returns what was told."""
    stop = StopRequest()
    changes = job.get("changes", {})
    events = (
        resume(Path(job["resume"]), stop, changes=changes)
        if "resume" in job
        else train(Run.from_dict(job["run"]), stop)
    )
    told: list[Event] = []
    for event in events:
        told.append(event)
        if isinstance(event, Step) and event.step == job.get("stop_after"):
            stop.pause() if job.get("pause") else stop.set()
    return {
        "steps": [
            [e.step, e.loss, e.grad_norm, e.tokens, e.trained_tokens, e.metrics] for e in told if isinstance(e, Step)
        ],
        "evaluated": [[e.step, e.loss, e.tokens, e.metrics] for e in told if isinstance(e, Evaluated)],
        "warned": [e.message for e in told if isinstance(e, Warned)],
        "kinds": [type(e).__name__ for e in told],
        "finished": [[e.reason, e.step, e.loss_after] for e in told if isinstance(e, Finished)],
    }


def main() -> None:
    print(json.dumps([do(job) for job in json.loads(sys.argv[1])]))


def on_ranks(count: int, folder: Path, jobs: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """What each rank tells of each job."""
    return run_ranks(count, folder, CODE, jobs)
