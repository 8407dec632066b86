"""How much of a large array is made at a time. Needs no MLX: the estimate of memory reads it too."""

LOGITS_CHUNK = 1 << 20  # logits: 4 MB in float32, of which a few are in memory at once
GPU_LOGITS_CHUNK = 1 << 26  # the same on a GPU, which small products leave idle
MIN_CHUNK_TOKENS = 64  # tokens in a chunk of logits at least, however large the vocabulary
ATTENTION_TILE = 128  # queries whose attention scores are made at a time on a processor
