"""Where the files lie that ship inside: the starter model, the sample data, the icons."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "resources"
STARTER = FOLDER / "starter"
NEUTRAL_TEXTS = FOLDER / "data" / "neutral.jsonl"  # what forgetting is measured on


def sample(kind: str, held_out: bool = False) -> Path:
    """The sample dataset for a shape of data ("text", "pairs", "thumbs", "questions"), or its held-out part."""
    return FOLDER / "data" / f"{kind}{'-heldout' if held_out else ''}.jsonl"
