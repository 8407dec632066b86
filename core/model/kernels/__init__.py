"""The parts of a block between its products, as few large pieces for a GPU instead of many small ones.

texts          the kernels, one text each for Metal and CUDA
token_texts    those for one token of each row: attention and sampling
product_text   that of a linear layer for one token of each row, for CUDA alone
run            building and running them
pieces         what a block computes with them: functions with a gradient, and the same in MLX's own operations
token_product  a linear layer with its adapter, and what comes before and after it, for one token of each row
token_sample   sampling the next token of each row
check          do they work on this GPU? Else MLX's own operations are used.
"""
