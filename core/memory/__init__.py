"""How much memory a training step takes, and how its batches go through the model so that it fits."""
