"""What came of a run, in words: the verdict's sentence, scores of sample answers, and report.md."""

import json
from collections.abc import Sequence
from typing import Any

from core.events import Finished
from core.run import Run, plain

# A held-out loss must fall by this share before it is called an improvement.
CLEAR = 0.01


def verdict(progress: Any, reason: str, kept: int | None, loss_after: float | None) -> str:
    """One honest sentence about the run: what the held-out rows say, and which step was kept."""
    opening = {"stopped": f"Stopped at step {progress.step}. ", "early_stop": "Stopped early. "}.get(reason, "")
    before = progress.loss_before
    if before is None or loss_after is None:
        return f"{opening}Trained for {progress.step} steps; without held-out rows there is nothing to compare with."
    change = f"{before:.2f} → {loss_after:.2f}"
    if loss_after > before * (1 + CLEAR):
        return f"{opening}Worse on unseen examples: {change}. Try a lower learning rate or fewer epochs."
    if loss_after > before * (1 - CLEAR):
        return f"{opening}No clear improvement on unseen examples: {change}."
    sentence = f"{opening}Better on unseen examples: {change}."
    if kept is not None and kept < progress.step:
        sentence += f" Best at step {kept}; later steps began to memorise, so step {kept} was kept."
    return sentence


def answer_scores(answers: Sequence[str], expected: Sequence[str]) -> dict[str, float]:
    """Shares (0 to 1) of answers that are exactly as expected and, where JSON is expected, valid JSON.

    Prompts without an expected answer do not count; without any there are no scores.
    """
    pairs = [(a.strip(), e.strip()) for a, e in zip(answers, expected, strict=True) if e.strip()]
    if not pairs:
        return {}
    scores = {"exact_match": sum(a == e for a, e in pairs) / len(pairs)}
    wanted = [a for a, e in pairs if _is_json(e)]
    if wanted:
        scores["valid_json"] = sum(_is_json(a) for a in wanted) / len(wanted)
    return scores


def page(run: Run, resolved: dict[str, Any], finished: Finished) -> str:
    """report.md: verdict, figures, and how to make the run again."""
    data, precision, backend, model = (resolved[k] for k in ("data", "precision", "backend", "model"))
    size = f"{data['rows']:,} rows, {data['tokens']:,} tokens, {data['eval_rows']:,} rows held out"
    share = f"{model['trainable_parameters']:,} of {model['parameters']:,} parameters ({run.adapter.type})"
    lines = [
        f"# {run.spec.title} on {model['path']}",
        "",
        finished.message,
        "",
        "| | |",
        "| --- | --- |",
        f"| Data | {data['path']}: {size} |",
        f"| Trained | {share} |",
        f"| Steps | {finished.step:,} in {finished.seconds:,.0f} s; step {finished.best_step} was kept |",
        f"| Backend | {backend['requested']} → {backend['used']} ({backend['device']}): {backend['reason']} |",
        f"| Precision | {precision['requested']} → {precision['used']}: {precision['reason']} |",
    ]
    if finished.loss_before is not None and finished.loss_after is not None:
        lines.append(f"| Held-out loss | {finished.loss_before:.4f} → {finished.loss_after:.4f} |")
    for name, value in finished.metrics_after.items():
        before = finished.metrics_before.get(name)
        shown = f"{before:.0%} → {value:.0%}" if before is not None else f"{value:.0%}"
        lines.append(f"| Sample answers, {name.replace('_', ' ')} | {shown} |")
    versions = ", ".join(f"{name} {number}" for name, number in resolved["versions"].items())
    lines += [f"| Versions | {versions} |", "", "Settings that differ from the defaults:", ""]
    changed = _changed(run)
    lines += [f"- `{key} = {json.dumps(value)}`" for key, value in changed] or ["- none"]
    return "\n".join(lines) + "\n"


def _changed(run: Run) -> list[tuple[str, Any]]:
    default = Run(method=run.method)
    found = []
    for section in ("model", "data", "adapter", "train", "options"):
        usual = plain(getattr(default, section))
        mine = plain(getattr(run, section))
        found += [(f"{section}.{name}", value) for name, value in mine.items() if usual.get(name) != value]
    return found


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False
