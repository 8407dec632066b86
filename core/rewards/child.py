"""The process in which a person's reward function runs: python -P child.py FILE. Needs nothing but Python.

Reads a line of JSON (a list of rows), writes a line of JSON ({"scores": [...]} or {"error": "one sentence"}). Its
first line says whether the file could be loaded.
"""

import importlib.util
import inspect
import json
import math
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

KNOWN = ("answers", "expected", "prompts", "thinking", "tokens")

Row = dict[str, Any]


def main(path: Path) -> None:
    # What the function prints must not reach the pipe that carries the scores.
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(value: dict[str, Any]) -> None:
        pipe.write(json.dumps(value) + "\n")
        pipe.flush()

    function, wanted, problem = load(path)
    say({"error": problem} if problem else {"ready": True})
    for line in sys.stdin:
        say(score(path, function, wanted, json.loads(line)))


def load(path: Path) -> tuple[Callable[..., Any], list[str], str]:
    """(the function, the names of what it wants, "") or, as the last, what is wrong with the file."""
    nothing: Callable[..., Any] = list
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("reward_file", path)
    if spec is None or spec.loader is None:
        return nothing, [], f"{path.name} is no Python file."
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a person's file may raise
        return nothing, [], f"{where(path, error)}."
    own = {n: f for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == "reward_file"}
    public = [n for n in own if not n.startswith("_")]
    name = "reward" if "reward" in own else public[0] if len(public) == 1 else ""
    if not name:
        return nothing, [], f"{path.name} must have a function named reward."
    wanted = list(inspect.signature(own[name]).parameters)
    odd = [n for n in wanted if n not in KNOWN]
    if odd or not wanted:
        known = ", ".join(KNOWN)
        return (
            nothing,
            [],
            f"{path.name}: the function {name} may ask for {known}, not for {', '.join(odd) or 'nothing'}.",
        )
    return own[name], wanted, ""


def score(path: Path, function: Callable[..., Any], wanted: list[str], rows: list[Row]) -> dict[str, Any]:
    """The scores of some rows, or a sentence with file, line and row."""
    try:
        found = function(**{name: [row[name] for row in rows] for name in wanted})
        scores = list(found)
    except (Exception, SystemExit) as error:
        return {"error": f"{where(path, error)} (at an answer to row {culprit(function, wanted, rows)})."}
    if len(scores) != len(rows):
        return {"error": f"{path.name} gave {len(scores)} scores for {len(rows)} answers."}
    return {"scores": [plain(s) for s in scores]}


def plain(value: Any) -> float | str | None:
    """A score as JSON can carry it: a number, None for NaN and infinity, or what it is instead of a number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return repr(value)[:40]
    return number if math.isfinite(number) else None


def culprit(function: Callable[..., Any], wanted: list[str], rows: list[Row]) -> int:
    """The row at which the function fails: the first that fails by itself, else the first of all."""
    for row in rows:
        try:
            list(function(**{name: [row[name]] for name in wanted}))
        except (Exception, SystemExit):
            return int(row["line"])
    return int(rows[0]["line"])


def where(path: Path, error: BaseException) -> str:
    """File, line and what went wrong there, without a full stop."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == path:
        return f"{path.name}, line {error.lineno}: {error.msg}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    at = f", line {frames[-1].lineno}" if frames else ""
    said = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return f"{path.name}{at}: {type(error).__name__}{': ' + said if said else ''}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
