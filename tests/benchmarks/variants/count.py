"""Counts the operations that a step hands to the device, by kind."""

import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten

# Operations that only look at memory another way, and give the device nothing to do.
VIEWS = (
    "Reshape", "Transpose", "Slice", "Split", "Squeeze", "ExpandDims", "Broadcast", "Depends", "StopGradient",
    "CustomTransforms", "Flatten", "Unflatten", "AsStrided", "Contiguous", "Copy",
)  # fmt: skip


def count_operations(name: str, outputs: Any) -> None:
    """Print how many operations the graph of `outputs`, not evaluated yet, has of each kind."""
    arrays = [value for _, value in tree_flatten(outputs)]
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "graph.dot"
        mx.export_to_dot(str(file), *arrays)
        labels = re.findall(r'label ?= ?"([^"]+)", shape=rectangle', file.read_text(encoding="utf-8"))
    kinds = Counter("Compiled" if label.startswith("Compiled") else label for label in labels)
    busy = Counter({kind: count for kind, count in kinds.items() if not kind.startswith(VIEWS)})
    rest = sum(kinds.values()) - sum(busy.values())
    text = ", ".join(f"{kind} {count}" for kind, count in busy.most_common(16))
    print(f"count {name}: {sum(busy.values())} operations and {rest} views: {text}", flush=True)
