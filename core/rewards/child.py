"""The process in which a person's reward function runs; supervisor.py starts it. Needs nothing but Python.

It reads a line of JSON with an id and a list of rows, and writes a line of JSON with the same id: {"scores": [...]} or
{"error": a sentence as core.text.sentence.pack() writes it}. The first request names the file, and its reply says
whether it could be loaded.
"""

import asyncio
import importlib.util
import inspect
import json
import math
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from core.text.sentence import Sentence, pack, say

LONGEST_MESSAGE = 300  # characters of an error's text that are passed on
PARAMETERS = ("answers", "expected", "prompts", "thinking", "tokens")

Row = dict[str, Any]


class LoadedReward(NamedTuple):
    """A person's reward function, or what is wrong with the file."""

    function: Callable[..., Any]  # called with rows
    problem: Sentence | None = None


def serve(requests: int, replies: int) -> None:
    """Answer requests, a line of JSON each, until there are no more. Both are file descriptors."""
    with os.fdopen(requests, encoding="utf-8") as lines:
        first = json.loads(next(lines))
        path = Path(first["file"])
        sys.argv = [str(path)]

        own = os.getpid()

        def send(request: dict[str, Any], reply: dict[str, Any]) -> None:
            if os.getpid() != own:  # a fork that the function made and did not end
                os._exit(0)
            # The line break before it ends whatever else may have been written to the pipe.
            message = b"\n" + json.dumps(pack(reply) | {"id": request["id"]}).encode() + b"\n"
            while message:
                message = message[os.write(replies, message) :]

        function, problem = load(path)
        send(first, {"error": problem} if problem else {"ready": True})
        for line in lines:
            request = json.loads(line)
            send(request, score(path, function, request["rows"]))


def load(path: Path) -> LoadedReward:
    """Import the file and find its reward function: what is called reward, or else its only public function."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("reward_file", path)
    if spec is None or spec.loader is None:
        return _unusable(say("{name} is no Python file.", name=path.name))
    module = sys.modules["reward_file"] = importlib.util.module_from_spec(spec)  # dataclasses look it up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a person's file may raise
        return _unusable(describe_error(path, error) + ".")
    members = vars(module)
    functions = [n for n, f in members.items() if inspect.isfunction(f) and f.__module__ == "reward_file"]
    public = [n for n in functions if not n.startswith("_")]
    name = "reward" if callable(members.get("reward")) else public[0] if len(public) == 1 else ""
    if not name:
        return _unusable(say("{name} must have a function named reward.", name=path.name))
    if inspect.isclass(members[name]):
        return _unusable(
            say(
                "{name}: {function} is a class; make one of it, as in {function} = Scorer().",
                name=path.name,
                function=name,
            )
        )
    return _bind(path, name, members[name])


def _bind(path: Path, name: str, function: Callable[..., Any]) -> LoadedReward:
    """The function, to be called with rows; it gets the lists that its parameters ask for."""
    by_position: list[str] = []
    by_name: list[str] = []
    unknown: list[str] = []
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # some functions that are written in C do not tell
        return _unusable(
            say(
                "{name}: {function} does not tell what it asks for; call it in a function of your own.",
                name=path.name,
                function=name,
            )
        )
    for p in parameters:
        if p.kind is p.VAR_KEYWORD:
            by_name += [n for n in PARAMETERS if n not in by_position]
        elif p.name in PARAMETERS and p.kind is not p.VAR_POSITIONAL:
            (by_position if p.kind is p.POSITIONAL_ONLY else by_name).append(p.name)
        elif p.kind is not p.VAR_POSITIONAL and p.default is p.empty:
            unknown.append(p.name)
    if unknown or not by_position + by_name:
        accepted = ", ".join(PARAMETERS)
        unknown_names = ", ".join(unknown) or say("nothing")
        return _unusable(
            say(
                "{name}: the function {function} may ask for {accepted}, not for {unknown}.",
                name=path.name,
                function=name,
                accepted=accepted,
                unknown=unknown_names,
            )
        )

    def call(rows: list[Row]) -> list[Any]:
        lists = {n: [row[n] for row in rows] for n in PARAMETERS}
        scores = function(*(lists[n] for n in by_position), **{n: lists[n] for n in by_name})
        return list(asyncio.run(_wait(scores)) if inspect.isawaitable(scores) else scores)

    return LoadedReward(call)


async def _wait(scores: Awaitable[Any]) -> Any:
    return await scores


def _unusable(problem: Sentence) -> LoadedReward:
    return LoadedReward(list, problem)


def score(path: Path, function: Callable[..., Any], rows: list[Row]) -> dict[str, Any]:
    """{"scores": [...]} with one score for each row, or {"error": a sentence with file, line and row}."""
    try:
        scores = function(rows)
    except (Exception, SystemExit) as error:
        row = find_failing_row(function, rows)
        failure = describe_error(path, error)
        return {"error": say("{failure} (at an answer to row {row}).", failure=failure, row=row)}
    if len(scores) != len(rows):
        counts = {"scores": len(scores), "answers": len(rows)}
        return {"error": say("{name} gave {scores} scores for {answers} answers.", name=path.name, **counts)}
    return {"scores": [to_json_value(s) for s in scores]}


def to_json_value(value: Any) -> float | str | None:
    """A score as JSON can carry it: a number, None for NaN and infinity, or what it is instead of a number."""
    try:
        number = float(value)
    except OverflowError:
        return None
    except (TypeError, ValueError):
        return repr(value)[:40]
    return number if math.isfinite(number) else None


def find_failing_row(function: Callable[..., Any], rows: list[Row]) -> int:
    """The line of the first row at which the function fails when called with it alone; else that of the first row."""
    for row in rows:
        try:
            function([row])
        except (Exception, SystemExit):
            return int(row["line"])
    return int(rows[0]["line"])


def describe_error(path: Path, error: BaseException) -> Sentence:
    """File, line and what went wrong there, without a full stop."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == path:
        return _at(path, error.lineno, error.msg)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == path]
    message = (_message(error)[:LONGEST_MESSAGE].strip().splitlines() or [""])[0].rstrip(".")
    what = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return _at(path, frames[-1].lineno if frames else None, what)


def _at(path: Path, line: int | None, what: str) -> Sentence:
    if line is None:
        return say("{name}: {error}", name=path.name, error=what)
    return say("{name}, line {line}: {error}", name=path.name, line=line, error=what)


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a class of a person's own
        return ""
