"""The Neural Engine through Core ML: it computes a model's blocks forward, MLX on the CPU computes the gradients.

Experimental, not yet verified on hardware.

block       what a program needs to know of one of mlx-lm's transformer blocks, read from the loaded model
program     the Core ML program of a chunk of consecutive blocks; layers: the operations of each layer
feed        MLX's arrays in the layout of a program, and back
runner      who computes a program: Core ML, or whatever has the same `run`
engine      blocks that programs compute forward, with their gradient in MLX; tap_linear: the gradient of a linear layer
            whose output is known; gradient_check: whether gradients come through
forward     passes without a gradient alone, while another device trains
build       the programs of a whole model; program_cache: those that were made before
selection   whether a run uses it: host, model and job (rules), probe (in a process of its own: probe_child), worth (of
            whole steps, by timing); verdict: what was decided and why; verdict_cache: what was decided before
coreml      coremltools, imported without its noise
"""
