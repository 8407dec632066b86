"""Asks before Python code of others runs: it names the file and the hash of its contents, and remembers a yes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QWidget

from app.desktop.language import tr
from app.widgets.message_box import MessageBox, Role
from core import trust
from core.errors import UserError
from core.run import Run

# The options by which a command line says yes; the window asks instead.
PERMISSIONS = ("model.allow_code", "options.allow_reward_code")
_EXPLANATION = tr(
    "{path}\nSHA-256 {digest}\n\nIt can do whatever you can: read, change and send your files. "
    "Look at it first. Hone asks again once it has changed."
)


def ask_to_allow(
    parent: QWidget,
    run: Run,
    allowed: Callable[[Run], object],
    refused: Callable[[], object] = lambda: None,
    *,
    rewards_only: bool = False,
) -> None:
    """Call `allowed` with the run once each code that it would execute is allowed: at once where all is, else after a
    question for each; `refused` after the first no.

    The run that is handed on carries no yes of its own: what counts is what was remembered.
    """
    for code in _find_code(run):
        if not (rewards_only and code.is_model) and not trust.is_allowed(code):

            def answer(may_run: bool, code: trust.Code = code) -> None:
                if may_run:
                    trust.allow(code)
                    ask_to_allow(parent, run, allowed, refused, rewards_only=rewards_only)
                else:
                    refused()

            confirm(parent, code, answer)
            return
    run = replace(run, model=replace(run.model, allow_code=False))
    if hasattr(run.options, "allow_reward_code"):
        run = replace(run, options=replace(run.options, allow_reward_code=False))
    allowed(run)


def confirm(parent: QWidget, code: trust.Code, answered: Callable[[bool], None]) -> None:
    """Show the code's place and hash, and ask whether it may run. No is the default."""
    what = (
        tr("The model's own code ({names})", names=code.names)
        if code.is_model
        else tr("Your reward file {name}", name=code.path.name)
    )
    known = tr(" has changed and") if trust.is_known(code) else ""
    box = MessageBox(
        parent,
        tr("{what}{known} is about to run.", what=what, known=known),
        _EXPLANATION.format(path=code.path, digest=code.digest),
        tone="warn",
    )
    yes = box.add_button(tr("Let it run"), Role.AcceptRole)
    box.add_button(tr("Do not run it"), is_default=True)
    box.ask(lambda chosen: answered(chosen is yes))


def _find_code(run: Run) -> Iterator[trust.Code]:
    """The code of others that a run executes; what is missing or damaged is told by the run itself."""
    reward_file, folder = getattr(run.options, "reward_file", ""), Path(run.model.path).expanduser()
    try:
        if reward_file:
            yield trust.reward_code(Path(reward_file).expanduser())
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        code = trust.model_code(folder, config) if isinstance(config, dict) else None
        if code is not None:
            yield code
    except (OSError, ValueError, RecursionError, UserError):
        return
