"""Completions sampled from the model while it is trained, scored by rewards, and collated into training batches.

prompts.py        the prompts of a dataset     batch_generate.py, sampling.py  many completions, token by token
collector.py      a step's scored groups       collate.py                      groups as batches
samples_file.py   samples.jsonl                rollouts.py                     all of it, as the training loop sees it
on_policy.py      completions without rewards, for a teacher to judge
capacity.py       how many completions at once
reward_monitor.py                              warnings about rewards
"""


class SamplingStopped(Exception):
    """The run was asked to stop while completions were sampled. They are dropped; a resumed run samples the same."""
