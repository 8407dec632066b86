"""Preview: what is shown of a dataset before training, made by the functions that training uses."""
