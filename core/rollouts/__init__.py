"""Completions sampled from the model while it is trained, scored by rewards, and collated into training batches.

In the order of a step:

prompts.py                      the prompts of a dataset
batch_generate.py, sampling.py  many completions at once, token by token; capacity.py says how many
numpy_decoder.py, row_cache.py  the tokens of these on a processor
collector.py, advantages.py     groups of completions with rewards and advantages; reward_monitor.py warns about them
samples_file.py                 samples.jsonl
collate.py                      groups as batches
rollouts.py                     all of it, as the training loop sees it
on_policy.py                    completions without rewards, for a teacher to judge
setup.py                        builds these for a run
"""


class SamplingStopped(Exception):
    """The run was asked to stop while completions were sampled. They are dropped; a resumed run samples the same."""
