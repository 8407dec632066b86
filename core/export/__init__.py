"""Write models: an adapter merged into its base, a quantized model, an adapter in the format of PEFT."""

from core.export.export import fuse, quantize, to_peft

__all__ = ["fuse", "quantize", "to_peft"]
