"""The files that a run reads, beside its model: each machine that takes part has to have them in the same place."""

from pathlib import Path

from core.run.flags import option_value
from core.run.run import Run

_FILES = ("data.path", "data.eval_path", "data.chat_template", "adapter.init")
_METHODS_FILES = ("options.reward_file", "options.replay")


def needed_files(run: Run) -> list[str]:
    """The files of a run that are given by whole paths, as Run.with_absolute_paths() has them."""
    values = [option_value(run, key) for key in _FILES]
    values += [getattr(run.options, key.partition(".")[2], None) for key in _METHODS_FILES]
    lines = [line.strip() for value in values if value for line in str(value).split("\n")]
    return [line for line in lines if Path(line).is_absolute()]
