"""Writes matrix.json and matrix.safetensors: every variant of a method, times model, reference, accumulation and cut.

Each cell is a case of make_preference.py. Of its final adapter only every 31st number of each tensor is kept.
"""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import torch
from make_preference import HERE, Case, run
from safetensors.torch import save_file
from trl_runs import compute_alike

EVERY = 31  # prime to all widths, so that all rows and columns have their turn
DIGITS = 8  # of a stored number
CUT = 40  # tokens: answers lose their end, and rows whose question fills it are dropped

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "dpo": ("dpo", {}),
    "dpo-smooth": ("dpo", {"label_smoothing": 0.1}),
    "dpo-ipo": ("dpo", {"loss_type": "ipo", "beta": 0.2}),
    "dpo-hinge": ("dpo", {"loss_type": "hinge", "beta": 0.2}),
    "dpo-robust": ("dpo", {"loss_type": "robust", "label_smoothing": 0.2}),
    "dpo-sft": ("dpo", {"sft_weight": 0.5}),
    "simpo": ("simpo", {}),
    "simpo-nll": ("simpo", {"gamma": 0.7, "nll_weight": 0.5}),
    "orpo": ("orpo", {"beta": 0.4}),
    "kto": ("kto", {}),
    "kto-weights": ("kto", {"desirable_weight": 1.2, "undesirable_weight": 0.7, "beta": 0.2}),
    "distill-forward": ("distill", {"divergence": "forward"}),
    "distill-reverse": ("distill", {"divergence": "reverse"}),
    "distill-jsd": ("distill", {"divergence": "jsd", "jsd_weight": 0.3}),
    "distill-warm": ("distill", {"divergence": "forward", "temperature": 2.0}),
    "distill-warm-reverse": ("distill", {"divergence": "reverse", "temperature": 1.5}),
    "distill-warm-jsd": ("distill", {"divergence": "jsd", "temperature": 2.0}),
    "distill-mixed": ("distill", {"divergence": "forward", "hard_weight": 0.25}),
}


def cells() -> Iterator[tuple[str, Case]]:
    """Every cell with its name. Methods without a reference, or whose data is only short, have fewer."""
    for variant, (method, options) in VARIANTS.items():
        references = ("base", "initial") if method in ("dpo", "kto") else (None,)
        for model, reference, accumulation, cut in product(("qwen3", "llama"), references, (1, 2), (False, True)):
            words = (variant, model, reference, "accumulated" if accumulation > 1 else "", "cut" if cut else "")
            yield (
                "-".join(word for word in words if word),
                Case(
                    method,
                    f"{model}-tiny",
                    data_of(method, cut),
                    options | ({"reference": reference} if reference else {}),
                    max_seq_len=CUT if cut else 512,
                    gradient_accumulation_steps=accumulation,
                    # Of the cut thumbs 14 are left, which leaves no batch half full.
                    batch_size=1 if variant == "dpo-smooth" else 4 if method == "kto" and not cut else 2,
                ),
            )


def data_of(method: str, cut: bool) -> str:
    """Conversations, or raw texts where they are cut; what TRL's older trainers learn from as DPOTrainer does."""
    if method in ("simpo", "orpo"):
        return "pairs-short"
    kind = {"dpo": "pairs", "kto": "thumbs"}.get(method)
    return ("completion" if cut else "chat") if kind is None else kind if cut else f"{kind}-chat"


def main() -> None:
    compute_alike()
    told, kept = {}, {}
    for name, case in cells():
        told[name], final = run(name, case)
        told[name]["steps"] = columns(told[name]["steps"])
        kept[name] = torch.cat([final[key].flatten()[::EVERY] for key in sorted(final)])
    save_file(kept, HERE / "matrix.safetensors")
    text = json.dumps({"every": EVERY, "cases": told}, ensure_ascii=False)
    (HERE / "matrix.json").write_text(text.replace('}, "', '},\n"') + "\n", encoding="utf-8")


def columns(steps: list[dict[str, float]]) -> dict[str, list[float]]:
    """The numbers that every step has, by name; the learning rate is always the same."""
    names = [n for n in steps[0] if n != "learning_rate" and all(n in step for step in steps)]
    return {name: [float(f"{step[name]:.{DIGITS}g}") for step in steps] for name in names}


if __name__ == "__main__":
    main()
