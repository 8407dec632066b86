"""Training: set-up, the loop over optimizer steps, evaluation, checkpoints and the report of a run."""
