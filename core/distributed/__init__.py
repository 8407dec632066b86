"""Several machines or GPUs at one run: the ranks that MLX's own engine connects."""
