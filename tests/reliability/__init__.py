"""Runs that are killed, and machines that lose their power: `python -m tests.reliability kills [--count N]`."""
