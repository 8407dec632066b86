"""train(run) and resume(folder): the generators of events that do a run. They live in core.training.

train_on(run, machines) and resume_on(folder, machines) do it on several machines or GPUs.
"""

from core.training.on_machines import resume_on, train_on
from core.training.train import resume, train

__all__ = ["resume", "resume_on", "train", "train_on"]
