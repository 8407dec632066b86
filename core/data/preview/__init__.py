"""Preview: what the previewer shows of a dataset, made by the functions that training uses."""
