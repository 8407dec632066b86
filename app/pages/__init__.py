"""The pages beside New run: a run, all runs, and the chat."""
