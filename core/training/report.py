"""What came of a run, in words: the verdict's sentence, scores of sample answers, and report.md."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.data.kinds import PAIRS, UNPAIRED
from core.events import Finished
from core.run import STARTER, Run, plain

Metrics = Mapping[str, float]

# A held-out loss must fall by this share before it is called an improvement.
CLEAR = 0.01
# And a share of answers must rise by this much, three in a hundred, and by more than chance moves it: so many standard
# deviations of a share over the held-out rows.
CLEAR_SHARE, CHANCE = 0.03, 2.0
# Rows that were learned from must do better than unseen ones by this much before it is called memorising.
MEMORISED = 0.2

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
# What the verdict goes by, the first that was measured and has clearly changed: (metric, shape of data, what it says).
SAID = (
    ("solved", "", "solves {} of {rows}unseen problems"),
    ("preferred", "", "prefers the better answer in {} of {rows}unseen pairs"),
    ("accuracy", PAIRS, "prefers the better answer in {} of {rows}unseen pairs"),
    ("accuracy", UNPAIRED, "tells good answers from bad in {} of {rows}unseen examples"),
)

# Where both are measured, the second is less than a preference: the better answer has gained on the worse one.
MOVED = "moves towards the better answer in {} of {rows}unseen pairs"


class Change(NamedTuple):
    """What the held-out rows say."""

    better: int  # 1, 0 about the same, -1 worse
    words: str  # by which numbers
    doubt: str = ""  # why a change does not count


def verdict(run: Run, finished: Finished, learned: Metrics) -> str:
    """One honest sentence about the run, or two: what the held-out rows say, and which step was kept.

    `finished` has everything but the message; `learned` are the metrics of the last steps, on rows that are learned.
    """
    openings = {"stopped": f"Stopped at step {finished.step}. ", "early_stop": "Stopped early. "}
    opening = openings.get(finished.reason, "")
    change = _change(run, finished)
    if change is None:
        return f"{opening}Trained for {finished.step} steps; without held-out rows there is nothing to compare with."
    if change.better < 0:
        return f"{opening}Worse{change.words}. Try a lower learning rate or fewer epochs."
    if change.better == 0:
        return f"{opening}No clear improvement{change.words}{change.doubt}.{_why(run, finished, learned)}"
    sentence = f"{opening}Better{change.words}."
    if finished.best_step is not None and finished.best_step < finished.step:
        # Answers of its own are nothing to memorise.
        why = "" if run.spec.on_policy else "; later steps began to memorise"
        sentence += f" Best at step {finished.best_step}{why}, so step {finished.best_step} was kept."
    return sentence


def outcome(run: Run, finished: Finished) -> int | None:
    """1 when the held-out rows say better, -1 worse, 0 about the same; None when there is nothing to compare."""
    change = _change(run, finished)
    return None if change is None else change.better


def _change(run: Run, finished: Finished) -> Change | None:
    loss, loss_after = finished.loss_before, finished.loss_after
    if loss is None or loss_after is None:
        return None
    before, after, rows = finished.metrics_before, finished.metrics_after, finished.eval_rows
    found: Change | None = None
    for name, data, said in SAID:
        if data not in ("", run.spec.data) or name not in before or name not in after:
            continue
        lead, chance = after[name] - before[name], _chance(before[name], after[name], rows)
        better = 0 if abs(lead) < max(CLEAR_SHARE, chance) else 1 if lead > 0 else -1
        said = MOVED if found else said
        words = f": it {said.format(f'{before[name]:.0%} → {after[name]:.0%}', rows=f'{rows:,} ' if rows else '')}"
        few = f"; among so few, up to {100 * chance:.0f} points may be chance" if abs(lead) >= CLEAR_SHARE else ""
        if found is None:
            found = Change(better, words, few)
        elif better:  # of two that tell the same, the one that has moved
            found = Change(better, words)
        if found.better:
            return found
    if found is not None:
        return found
    better = -1 if loss_after > loss * (1 + CLEAR) else 0 if loss_after > loss * (1 - CLEAR) else 1
    return Change(better, f" on unseen examples: {loss:.2f} → {loss_after:.2f}")


def _chance(before: float, after: float, rows: int) -> float:
    """How far a share over so many rows may move by chance alone."""
    middle = (before + after) / 2
    return CHANCE * math.sqrt(middle * (1 - middle) / rows) if rows else 0.0


def _why(run: Run, finished: Finished, learned: Metrics) -> str:
    """Where good answers are told from bad ones no better than before: whether that is for lack of learning."""
    seen, unseen = learned.get("accuracy"), finished.metrics_after.get("accuracy")
    if run.spec.data not in (PAIRS, UNPAIRED) or seen is None or unseen is None:
        return ""
    if seen - unseen < MEMORISED:
        return f" In the rows it learned from it is {seen:.0%}: try more epochs or a higher learning rate."
    small = " or a larger model" if run.model.path == STARTER else ""
    return f" In the rows it learned from it is {seen:.0%}: it memorises them. More rows{small} may help."


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
