"""What came of a run, in words: the verdict's sentence, scores of sample answers, and report.md."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.events import Finished
from core.methods import PAIRS, THUMBS
from core.run import Run, plain

Metrics = Mapping[str, float]

# A held-out loss must fall by this share before it is called an improvement.
CLEAR = 0.01
# And a share of answers must rise by this much: three in a hundred.
CLEAR_SHARE = 0.03

# How a metric is called where people read it, and whether it is a share, shown in per cent.
NAMES: dict[str, tuple[str, bool]] = {
    "solved": ("Problems solved", True),
    "preferred": ("Better answer preferred", True),
    "accuracy": ("Better told from worse", True),
    "chosen_reward": ("Reward of better answers", False),
    "rejected_reward": ("Reward of worse answers", False),
    "margin": ("Lead of better answers", False),
    "kl": ("Distance", False),
    "hard_loss": ("Loss on the answers", False),
    "nll": ("Loss on the better answers", False),
    "exact_match": ("Sample answers as expected", True),
    "valid_json": ("Sample answers in valid JSON", True),
}
# What the verdict goes by, the first that was measured: (metric, shape of data or any, what it says).
SAID = (
    ("solved", "", "solves {} of unseen problems"),
    ("preferred", "", "prefers the better answer in {} of unseen pairs"),
    ("accuracy", PAIRS, "prefers the better answer in {} of unseen pairs"),
    ("accuracy", THUMBS, "tells good answers from bad in {} of unseen examples"),
)


def verdict(run: Run, progress: Any, reason: str, kept: int | None, loss_after: float | None, after: Metrics) -> str:
    """One honest sentence about the run: what the held-out rows say, and which step was kept."""
    opening = {"stopped": f"Stopped at step {progress.step}. ", "early_stop": "Stopped early. "}.get(reason, "")
    if progress.loss_before is None or loss_after is None:
        return f"{opening}Trained for {progress.step} steps; without held-out rows there is nothing to compare with."
    better, change = _change(run, progress.loss_before, loss_after, progress.metrics_before, after)
    if better < 0:
        return f"{opening}Worse{change}. Try a lower learning rate or fewer epochs."
    if better == 0:
        return f"{opening}No clear improvement{change}."
    sentence = f"{opening}Better{change}."
    if kept is not None and kept < progress.step:
        # Answers of its own are nothing to memorise.
        why = "" if run.spec.scored else "; later steps began to memorise"
        sentence += f" Best at step {kept}{why}, so step {kept} was kept."
    return sentence


def outcome(run: Run, finished: Finished) -> int | None:
    """1 when the held-out rows say better, -1 worse, 0 about the same; None when there is nothing to compare."""
    if finished.loss_before is None or finished.loss_after is None:
        return None
    return _change(run, finished.loss_before, finished.loss_after, finished.metrics_before, finished.metrics_after)[0]


def _change(run: Run, loss: float, loss_after: float, before: Metrics, after: Metrics) -> tuple[int, str]:
    """(1 better, 0 about the same, -1 worse, by which numbers)."""
    for name, data, said in SAID:
        if data in ("", run.spec.data) and name in before and name in after:
            lead = after[name] - before[name]
            better = 0 if abs(lead) < CLEAR_SHARE else 1 if lead > 0 else -1
            return better, ": it " + said.format(f"{before[name]:.0%} → {after[name]:.0%}")
    better = -1 if loss_after > loss * (1 + CLEAR) else 0 if loss_after > loss * (1 - CLEAR) else 1
    return better, f" on unseen examples: {loss:.2f} → {loss_after:.2f}"


def figures(before: Metrics, after: Metrics) -> list[tuple[str, str]]:
    """(name, value or "before → after") of every metric, in words and in the form that people read."""
    found = []
    for name, value in after.items():
        words, share = NAMES.get(name, (name.replace("_", " ").capitalize(), False))
        values = [v for v in (before.get(name), value) if v is not None]
        # What rounding has left of a zero is a plain zero to people, without a sign.
        shown = [f"{v:.0%}" if share else f"{round(v, 4) + 0.0:.3g}" for v in values]
        found.append((words, " → ".join(shown)))
    return found


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
    lines += [f"| {name} | {shown} |" for name, shown in figures(finished.metrics_before, finished.metrics_after)]
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
