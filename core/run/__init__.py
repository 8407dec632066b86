"""What is asked for (Run, with its sections), and the folder where a run lies."""

from core.run.run import Run, every_option, plain, runs_folder, sections
from core.run.sections import DEMO, STARTER, Adapter, Data, Model, Train

__all__ = [
    "DEMO",
    "STARTER",
    "Adapter",
    "Data",
    "Model",
    "Run",
    "Train",
    "every_option",
    "plain",
    "runs_folder",
    "sections",
]
