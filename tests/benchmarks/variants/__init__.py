"""Candidates for a faster step on a GPU, measured by tests.benchmarks.gpu_variants; not in the product."""
