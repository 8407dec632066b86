"""Write models: an adapter merged into its base, a quantized model, an adapter in the format of PEFT.

Each is a generator of events that ends with Saved; targets.py lists where a result can go. A folder appears whole or
not at all: what was written is loaded again and compared before it counts as done.
"""

from core.export.fused_model import fuse
from core.export.peft_folder import to_peft
from core.export.quantized_model import quantize

__all__ = ["fuse", "quantize", "to_peft"]
