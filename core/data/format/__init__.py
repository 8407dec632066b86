"""Format: which format a row is in, and the example that it stands for."""
