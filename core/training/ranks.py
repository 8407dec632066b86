"""A run on several ranks: rank 0 keeps its folder and tells its events, the others compute with it."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from core.distributed.agreed_stop import AgreedStop
from core.distributed.group import Group, RankFailed
from core.distributed.session import at_forced_end, current_session
from core.errors import BadOption
from core.events import Event, Finished, Paused, Started
from core.resolved import InputFacts
from core.run import Run
from core.run.folder import RunFolder
from core.text.sentence import say
from core.training.checkpoint import Progress
from core.training.endings import describe_bug, explain_failure
from core.training.inputs import NAMES
from core.training.train_step import TrainStep


@contextmanager
def scratch_folder(run: Run) -> Iterator[tuple[Run, RunFolder]]:
    """The run with an empty folder that is gone afterwards: of a rank that keeps nothing."""
    with TemporaryDirectory(prefix="hone-rank-") as temporary:
        path = Path(temporary) / "run"
        path.mkdir()
        run = run.replace("output", str(path))
        with at_forced_end(lambda sentence: shutil.rmtree(temporary, ignore_errors=True)):
            yield run, RunFolder.plan(run)


def agreed_stop(group: Group, stop: threading.Event) -> threading.Event:
    """The event by which a run goes: `stop` itself where there is one rank."""
    return stop if group.size == 1 else AgreedStop(stop)


def check_for_ranks(run: Run, group: Group) -> None:
    """Raises BadOption for what cannot be done by several ranks."""
    if group.size > 1 and run.backend == "ane":
        raise BadOption(say("The Neural Engine computes for one machine alone: choose another --backend for several."))


@contextmanager
def telling_ranks(group: Group) -> Iterator[Group]:
    """Where a rank's part of a run ends by an error within this, the other ranks are told and end too."""
    try:
        yield group
    except RankFailed:
        raise
    except (KeyboardInterrupt, GeneratorExit):
        _end_others(group, say("it was ended at once."))
        raise
    except BaseException as error:
        _end_others(group, explain_failure(error) or describe_bug(error))
        raise


def _end_others(group: Group, sentence: str) -> None:
    if session := current_session():  # first: they may stand in another exchange than the one that tells them
        session.end_others(sentence)
    group.fail(sentence)


def agree_on_options(run: Run) -> None:
    """Raises Unavailable, on all ranks, where they are not asked the same: before they compute anything together."""
    if session := current_session():
        options = {name: _without_paths(values) for name, values in run.to_dict().items()}
        session.agree({"options": json.dumps(options, sort_keys=True)}, {"options": say("the options")})


def agree_on_inputs(inputs: InputFacts) -> None:
    """Raises Unavailable, on all ranks, where they do not learn from the same."""
    if session := current_session():
        session.agree(asdict(inputs), NAMES)


def _without_paths(values: Any) -> Any:
    """Options, without what may lie in another place on each machine: of that the contents are compared."""
    if isinstance(values, dict):
        return {name: _without_paths(value) for name, value in values.items()}
    return None if isinstance(values, str) and "/" in values else values


def bare(events: Iterator[Event]) -> Iterator[Event]:
    """Of a rank's events those by which a caller knows where it stands; rank 0 tells all."""
    return (event for event in events if isinstance(event, Started | Finished | Paused))


def copy_start(group: Group, train_step: TrainStep, progress: Progress, is_fresh: bool) -> tuple[Progress, bool]:
    """(where the run stands, whether it begins), with the weights and the optimizer's state, as rank 0 has them.

    Nothing is exchanged where there is one rank.
    """
    if group.size == 1:
        return progress, is_fresh
    values, is_fresh = group.broadcast([asdict(progress), is_fresh])
    if not (is_fresh and train_step.run.adapter.type == "full"):  # whose weights all have read from the same files
        train_step.copy_from_first_rank()
    return progress if group.is_first else Progress(**values), is_fresh
