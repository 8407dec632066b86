"""Settings that nothing reads in a run, because of its other settings.

Where a contradiction can only be a mistake it is refused (Run.check). What is told here may as well be left over from
another choice, as the rank of an adapter is where every weight is trained.
"""

from collections.abc import Iterator
from typing import Any

from core.options import describe
from core.run.flags import option_value
from core.run.run import Run, list_options
from core.run.sections import Adapter
from core.text.sentence import say


def idle_settings(run: Run) -> list[tuple[str, str]]:
    """(key as in run.toml, sentence) of each option that is not at its default and that the run never reads."""
    default_run, options = Run(method=run.method), dict(list_options(run.method))
    return [
        (key, say("{flag} does nothing {reason}.", flag=options[key].flag, reason=reason))
        for key, reason in _unread(run)
        if option_value(run, key) != option_value(default_run, key)
    ]


def _unread(run: Run) -> Iterator[tuple[str, Any]]:
    """(key, reason) of each option that the run never reads."""
    if run.adapter.type == "full":
        for option in describe(Adapter):
            if option.name != "type":
                yield f"adapter.{option.name}", say("where every weight is trained")
    if run.data.eval_path:
        yield "data.eval_split", say("beside validation data")
    if not run.train.samples:
        for name in ("sample_every", "sample_tokens"):
            yield f"train.{name}", say("without sample prompts")
    if run.backend != "auto":
        yield "neural_engine", say("unless the backend is auto")
    for name, reason in run.spec.idle(run.options) if run.spec.idle else ():
        yield f"options.{name}", reason
