"""events.jsonl and samples.jsonl of a run that goes on: read although lines are damaged, and cut at a checkpoint."""

import json
from collections.abc import Iterator
from pathlib import Path

from core.events import Event, Finished, Paused, Resumed, Saved, from_json, to_json

CHECKPOINT = "checkpoint"  # Saved.what


def checkpoint_name(step: int) -> str:
    return f"step-{step:07d}"


def read_log(path: Path) -> Iterator[tuple[str, Event | None]]:
    """(line, its event or None where it is none). A last line that a crash has cut off is not given."""
    for line in _complete_lines(path):
        try:
            yield line, from_json(line)
        except ValueError:
            yield line, None


def cut_log(path: Path, checkpoints: Path, step: int | None) -> tuple[str | None, int]:
    """(the log as it was when the checkpoint of a step had been written, how many damaged lines are left out of it).

    None for a step: nothing is left. None for the text: there is no log. What tells of pauses at that very step stays.
    """
    if not path.exists():
        return None, 0
    lines = list(read_log(path)) if step is not None else []
    events = [event for _, event in lines]
    end = next((n + 1 for n in range(len(lines) - 1, -1, -1) if _is_checkpoint(events[n], step)), 0)
    missing = ""
    if step is not None and not end:  # a crash came between the checkpoint and the line about it
        end = next((n for n, event in enumerate(events) if _is_after(event, step)), len(lines))
        while end and events[end - 1] is None:  # a crash of the machine may leave anything at the end
            end -= 1
        missing = to_json(Saved(step, str(checkpoints / checkpoint_name(step)), CHECKPOINT)) + "\n"
    kept = [line for line, event in lines[:end] if event is not None]
    pauses = [line for line, event in lines[end:] if isinstance(event, Paused | Resumed) and event.step == step]
    return "".join([*kept, missing, *pauses]), end - len(kept)


def cut_samples(path: Path, step: int | None) -> tuple[str | None, int]:
    """(the lines of samples.jsonl for steps up to one, how many damaged lines stood between them)."""
    if not path.exists():
        return None, 0
    lines, bad, bad_so_far = [], 0, 0
    for line in _complete_lines(path):
        line_step = _sample_step(line)
        if line_step is None:
            bad_so_far += 1
        elif step is not None and line_step <= step:
            lines.append(line)
            bad = bad_so_far
    return "".join(lines), bad


def _complete_lines(path: Path) -> Iterator[str]:
    if path.exists():
        with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
            yield from (line for line in file if line.endswith("\n"))


def _is_checkpoint(event: Event | None, step: int | None) -> bool:
    return isinstance(event, Saved) and event.what == CHECKPOINT and event.step == step


def _is_after(event: Event | None, step: int) -> bool:
    return getattr(event, "step", 0) > step or isinstance(event, Finished)


def _sample_step(line: str) -> int | None:
    """The step of a line of samples.jsonl; None where it is damaged."""
    try:
        row = json.loads(line)
        return int(row.get("step", 0)) if isinstance(row["answers"], list) and row["prompt_ids"] else None
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
