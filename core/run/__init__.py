"""What is asked for (Run, with its sections), and the folder where a run lies."""

from core.run.run import Run, list_options, runs_folder, sections, to_plain
from core.run.sections import DEMO, STARTER, Adapter, Data, Model, Train

__all__ = [
    "DEMO",
    "STARTER",
    "Adapter",
    "Data",
    "Model",
    "Run",
    "Train",
    "list_options",
    "runs_folder",
    "sections",
    "to_plain",
]
