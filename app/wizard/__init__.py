"""New run: five steps from what a person has to a run that starts."""
