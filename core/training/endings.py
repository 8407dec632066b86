"""How a run ends: its log says so in every case, and what a person can put right is one sentence."""

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace

from core.device.gpu_failure import GPUFailure, find_failure
from core.distributed.session import at_forced_end, current_session
from core.errors import Unavailable, UserError
from core.events import Event, Finished, Paused, Phase, Saved, Step, Warned
from core.redact import redact
from core.run import Run
from core.run.event_log import CHECKPOINT
from core.run.folder import REPORT, RUN, RunFolder
from core.text.sentence import say, shorten
from core.training import report


def logged(folder: RunFolder, events: Iterator[Event]) -> Generator[Event, None, None]:
    """Each event to events.jsonl before it is yielded; however the run ends, the last one is Finished or Paused."""
    ending = Finished("failed", 0, "", 0.0)
    has_finished = False

    def log_ending(sentence: str) -> None:
        if not has_finished:
            finished = replace(ending, message=redact(sentence), time=time.time())
            with suppress(UserError):  # where the folder is what failed, the sentence is told all the same
                folder.log(finished)
            if folder.has_begun:
                with suppress(UserError):
                    _write_report(folder, finished)

    forced_end = ExitStack()
    forced_end.enter_context(at_forced_end(log_ending))
    try:
        for event in events:
            if isinstance(event, Step):
                ending = replace(ending, step=event.step, seconds=event.seconds)
            if not (isinstance(event, Phase) and event.fraction is not None):
                folder.log(event)
            has_finished = isinstance(event, Finished | Paused)
            yield event
    except (KeyboardInterrupt, GeneratorExit):
        log_ending(say("Ended at once, without saving. It can go on from its last checkpoint."))
        raise
    except BaseException as error:
        sentence = explain_failure(error)
        if sentence is None:
            log_ending(describe_bug(error))
            raise
        log_ending(sentence)
        if isinstance(error, UserError):
            raise
        raise Unavailable(sentence) from error
    finally:
        forced_end.close()
        folder.close()


def _write_report(folder: RunFolder, finished: Finished) -> None:
    """report.md of a run that failed: why, how far it came, and what it was asked to do."""
    events = list(folder.events())
    checkpoints = [event.step for event in events if isinstance(event, Saved) and event.what == CHECKPOINT]
    notes = [event.message for event in events if isinstance(event, Warned)]
    last = checkpoints[-1] if checkpoints else None
    folder.write(REPORT, report.page(Run.read(folder.path / RUN), folder.read_resolved(), finished, notes, last))


def explain_failure(error: BaseException) -> str | None:
    """A sentence for what a person can put right, None for a bug."""
    if isinstance(error, UserError):
        return str(error)
    if (session := current_session()) and (sentence := session.explain(error)):
        return sentence
    failure = find_failure(error)
    if failure not in (None, GPUFailure.OUT_OF_MEMORY):
        return say("The run cannot go on: {failure}. It can go on from its last checkpoint.", failure=failure.value)
    # MLX reports a full memory as a RuntimeError whose text names the allocation.
    is_full = isinstance(error, RuntimeError) and any(word in str(error).lower() for word in ("alloc", "memory"))
    if failure or is_full or isinstance(error, MemoryError):
        return say(
            "The memory is full: lower the batch size or the maximum length, and go on from the last checkpoint."
        )
    if isinstance(error, SystemExit):
        return say("Code that came with the model asked Python to exit, which ended the run.")
    if isinstance(error, OSError) and error.errno:
        return say(
            "{filename} could not be read or written: {reason}.",
            filename=error.filename or say("A file or a pipe"),
            reason=error,
        )
    return None


def describe_bug(error: BaseException) -> str:
    """A sentence for what nobody but Hone can put right."""
    name, reason = type(error).__name__, shorten(str(error), 500)
    return say("Something went wrong inside Hone: {name}: {reason}", name=name, reason=reason)
