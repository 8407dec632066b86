"""train(run) and resume(folder): the generators of events that do a run. They live in core.training."""

from core.training.trainer import resume, train

__all__ = ["resume", "train"]
