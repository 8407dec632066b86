"""New run: the steps from what a person has to a run that starts, and what they decide."""
