"""The Neural Engine through Core ML: it computes a model's blocks forward, MLX on the CPU computes the gradients.

Experimental, not yet verified on hardware.

block       what a program needs to know of one of mlx-lm's transformer blocks, read from the loaded model
program     the Core ML program of a chunk of consecutive blocks
coreml      coremltools, imported without its noise
"""
