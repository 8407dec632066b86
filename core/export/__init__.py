"""A model of its own from what was trained: fused into its base, packed in fewer bits, or as PEFT's adapter."""

from core.export.export import fuse, quantize, to_peft

__all__ = ["fuse", "quantize", "to_peft"]
