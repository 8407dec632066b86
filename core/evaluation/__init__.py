"""What a model is worth on a dataset: loss, answers scored by every reward, and whether another is better."""
