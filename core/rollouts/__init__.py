"""Answers sampled from the model while it is trained, scored, and laid out as batches to learn from.

questions.py  what is asked              write.py, pick.py  answers, many at a time, token by token
collect.py    a step's groups of answers with scores        lay.py  these as batches
record.py     samples.jsonl              rollouts.py        all of it, as the loop sees it
own.py        answers without scores, for a teacher to judge
"""


class SamplingStopped(Exception):
    """The run was asked to stop while answers were being written. Nothing of them is kept; they will be the same."""
