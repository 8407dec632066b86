"""The parts of a block between its products, as few large pieces for a GPU instead of many small ones.

texts            the kernels, one text each for Metal and CUDA
sample_text      that of sampling, for one token of each row
attention_text   that of attention, for one token of each row, for CUDA alone
product_text     that of a linear layer, likewise
tensor_text      what those two have in common
run              building and running them
pieces           what a block computes with them: functions with a gradient, and the same in MLX's own operations
token_attention  the attention of one token of each row
token_product    a linear layer with its adapter, and what comes before and after it, for one token of each row
token_sample     sampling the next token of each row
check            do they work on this GPU? Else MLX's own operations are used.
"""
