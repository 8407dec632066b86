"""The parts of a block between its products, as few large pieces for a GPU instead of many small ones.

texts      the kernels, one text each for Metal and CUDA
run        building and running them
pieces     what a block computes with them: functions with a gradient, and the same in MLX's own operations
check      do they work on this GPU? Else MLX's own operations are used.
"""
