"""Batch: rows of tokens grouped, packed and collated into batches."""
