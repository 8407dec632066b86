"""Which device computes, and how the work is spread over it. Nothing here imports MLX before OpenBLAS is loaded."""
